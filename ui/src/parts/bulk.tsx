import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { post, segment, work } from "../api.ts";
import { toRecord } from "../errors.ts";
import { formatRuns } from "../format.ts";
import { readRuns, toIso, type RunFilter } from "../run-filter.ts";
import { ACTS_ON, type RunAction } from "../run-states.ts";
import type { RunState } from "../types.ts";
import { act, Dialog, Trouble } from "./basics.tsx";
import { RateField } from "./rate.tsx";
import { useLoaded } from "./use.ts";

export interface BulkProps {
  readonly title: string;
  /** Which runs, or what becomes of them. */
  readonly about: string;
  readonly action: RunAction;
  readonly filter: RunFilter;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

const VERBS = { replay: "Replay", cancel: "Cancel" } as const;
const DONE = { replay: "replayed", cancel: "cancelled" } as const;
const MOST = 1_000;

interface Preview {
  readonly count: number;
  readonly isMore: boolean;
  /** Whether the server does it, at a rate if one is told. */
  readonly atRate: boolean;
  /** Answers how many it was done to: a run that changed meanwhile is passed over. */
  readonly go: (how: How) => Promise<number>;
}

interface How {
  /** Empty for none. */
  readonly rate: string;
  readonly signal: AbortSignal;
  readonly onDone: (count: number) => void;
}

/** Does something to many runs, and never before their count was shown. */
export function Bulk({ title, about, action, filter, onClose, onDone }: BulkProps): VNode {
  const { value, error } = useLoaded(
    (signal) => (isForServer(action, filter) ? previewReplay(filter) : previewEach(action, filter, signal)),
    [],
  );
  const [rate, setRate] = useState("");
  const [done, setDone] = useState(0);
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(new Error("given up by the reader")), []);
  return (
    <Dialog
      title={title}
      verb={value === undefined ? VERBS[action] : `${VERBS[action]} ${formatRuns(value.count)}`}
      risk={action === "cancel"}
      disabled={value === undefined || value.count === 0}
      onClose={onClose}
      onDone={async () => {
        if (value === undefined) return;
        const how = { rate, signal: ending.current.signal, onDone: setDone };
        if (
          await act(
            (count) => `${formatRuns(count)} ${DONE[action]}`,
            () => value.go(how),
          )
        )
          onDone();
      }}
    >
      <p>{about}</p>
      {value === undefined && error === undefined && <p class="muted">Counting…</p>}
      {error !== undefined && <Trouble error={error} />}
      {value !== undefined && (
        <p>
          <strong>
            {formatRuns(value.count)} {value.count === 1 ? "matches" : "match"}
          </strong>
          {value.isMore
            ? `; these are the ${action === "replay" ? "oldest" : "newest"}, more will be left. Narrow the filter or do it again.`
            : "."}
        </p>
      )}
      {value?.atRate === true && value.count > 1 && <RateField value={rate} onChange={setRate} />}
      {done > 0 && value !== undefined && (
        <p role="status">
          <progress value={done} max={Math.max(done, value.count)} /> {formatRuns(done)} so far. To close this
          ends it.
        </p>
      )}
    </Dialog>
  );
}

/**
 * The server replays by filter. Without a state it would take the dead ones only, which is not what the filter says:
 * then the page goes through the matching runs itself.
 */
function isForServer(action: RunAction, filter: RunFilter): boolean {
  return action === "replay" && ACTS_ON.replay.has(filter.state as RunState);
}

async function previewReplay(chosen: RunFilter): Promise<Preview> {
  const filter = { ...chosen, since: toIso(chosen.since), until: toIso(chosen.until) };
  const { matched } = await post<{ matched: number }>("runs/replay", { filter, dryRun: true });
  return {
    count: matched,
    isMore: false,
    atRate: true,
    async go({ rate, signal, onDone }) {
      if (rate === "") return (await post<{ replayed: number }>("runs/replay", { filter })).replayed;
      const onProgress = (progress: { done: number }): void => onDone(progress.done);
      const body = { filter, rate };
      return (await work<{ replayed: number }, { done: number }>("runs/replay", body, { signal, onProgress }))
        .replayed;
    },
  };
}

async function previewEach(action: RunAction, filter: RunFilter, signal: AbortSignal): Promise<Preview> {
  const ids: string[] = [];
  // Of one key the earlier run is replayed before the later one, and cancelled after it: it would let that go on.
  const oldestFirst = action === "replay";
  let cursor: string | undefined;
  do {
    const page = await readRuns(filter, { limit: MOST, cursor, signal, oldestFirst });
    ids.push(...page.items.filter(({ state }) => ACTS_ON[action].has(state)).map(({ id }) => id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && ids.length < MOST);
  const chosen = ids.slice(0, MOST);
  return {
    count: chosen.length,
    isMore: cursor !== undefined || ids.length > MOST,
    atRate: false,
    go: () => forEach(action, chosen),
  };
}

/** One after another: a run that changed meanwhile is passed over, anything else ends it. */
async function forEach(action: RunAction, ids: readonly string[]): Promise<number> {
  let done = 0;
  for (const id of ids) {
    try {
      await post(`runs/${segment(id)}/${action}`);
      done++;
    } catch (error) {
      if (toRecord(error).code !== "RUN_STATE") throw error;
    }
  }
  return done;
}

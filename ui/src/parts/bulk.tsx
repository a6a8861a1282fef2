import type { VNode } from "preact";
import { post, segment } from "../api.ts";
import { formatRuns } from "../format.ts";
import { readRuns, type RunFilter } from "../run-filter.ts";
import { ACTS_ON, type RunAction } from "../run-states.ts";
import type { RunState } from "../types.ts";
import { act, Dialog, toRecord, Trouble } from "./basics.tsx";
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
/** What the server's bulk replay understands; with anything else the page goes through the matching runs itself. */
const SERVER_KEYS: ReadonlySet<string> = new Set(["state", "process", "event", "fingerprint"]);
const MOST = 1_000;

interface Preview {
  readonly count: number;
  readonly isMore: boolean;
  /** Answers how many it was done to: a run that changed meanwhile is passed over. */
  readonly go: () => Promise<number>;
}

/** Does something to many runs, and never before their count was shown. */
export function Bulk({ title, about, action, filter, onClose, onDone }: BulkProps): VNode {
  const { value, error } = useLoaded(
    (signal) => (isForServer(action, filter) ? previewReplay(filter) : previewEach(action, filter, signal)),
    [],
  );
  return (
    <Dialog
      title={title}
      verb={value === undefined ? VERBS[action] : `${VERBS[action]} ${formatRuns(value.count)}`}
      risk={action === "cancel"}
      disabled={value === undefined || value.count === 0}
      onClose={onClose}
      onDone={async () => {
        if (value === undefined) return;
        if (await act((count) => `${formatRuns(count)} ${DONE[action]}`, value.go)) onDone();
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
            ? "; these are the newest, more will be left. Narrow the filter or do it again."
            : "."}
        </p>
      )}
    </Dialog>
  );
}

/** Without a state the server would take the dead ones only, which is not what the filter says. */
function isForServer(action: RunAction, filter: RunFilter): boolean {
  return (
    action === "replay" &&
    ACTS_ON.replay.has(filter.state as RunState) &&
    Object.keys(filter).every((key) => SERVER_KEYS.has(key))
  );
}

async function previewReplay(filter: RunFilter): Promise<Preview> {
  const { matched } = await post<{ matched: number }>("/runs/replay", { filter, dryRun: true });
  return {
    count: matched,
    isMore: false,
    go: async () => (await post<{ replayed: number }>("/runs/replay", { filter })).replayed,
  };
}

async function previewEach(action: RunAction, filter: RunFilter, signal: AbortSignal): Promise<Preview> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await readRuns(filter, { limit: MOST, cursor, signal });
    ids.push(...page.items.filter(({ state }) => ACTS_ON[action].has(state)).map(({ id }) => id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && ids.length < MOST);
  const chosen = ids.slice(0, MOST);
  return {
    count: chosen.length,
    isMore: cursor !== undefined || ids.length > MOST,
    go: () => forEach(action, chosen),
  };
}

/** One after another: a run that changed meanwhile is passed over, anything else ends it. */
async function forEach(action: RunAction, ids: readonly string[]): Promise<number> {
  let done = 0;
  for (const id of ids) {
    try {
      await post(`/runs/${segment(id)}/${action}`);
      done++;
    } catch (error) {
      if (toRecord(error).code !== "RUN_STATE") throw error;
    }
  }
  return done;
}

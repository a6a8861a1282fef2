import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, segment } from "../api.ts";
import { visible } from "../format.ts";
import type { Live } from "../live.ts";
import { act, Dialog, Empty, toRecord, Trouble } from "../parts/basics.tsx";
import { RunsTable } from "../parts/runs-table.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { replaceQuery, type Place } from "../router.ts";
import { RUN_STATES, type Page, type RunRow } from "../types.ts";

const KEYS = ["state", "process", "input", "text", "since", "until", "fingerprint", "event"] as const;
type Key = (typeof KEYS)[number];
type Filter = Readonly<Partial<Record<Key, string>>>;
const PAGE_SIZE = 50;
/** A page that holds nothing though more follows is passed over this often before the reader is asked. */
const EMPTY_PAGES = 20;

/** Runs by filter, which stands in the URL; the first page is live. */
export function RunsPage({ live, place }: { live: Live; place: Place }): VNode {
  const filter = readFilter(place.query);
  const spelled = JSON.stringify(filter);
  const [isLive, setLive] = useState(true);
  const [more, setMore] = useState<{ of: string; rows: readonly RunRow[]; next: string | null }>();
  const [bulk, setBulk] = useState<"replay" | "cancel" | undefined>(undefined);
  const first = useLoaded((signal) => readSome(filter, undefined, signal), [spelled]);
  const seen = useRef<ReadonlySet<string> | undefined>(undefined);
  useEffect(() => {
    seen.current = undefined;
  }, [spelled]);
  useEffect(() => {
    if (first.value !== undefined) seen.current = new Set(first.value.items.map(({ id }) => id));
  }, [first.value]);
  const extra = more?.of === spelled ? more : undefined;
  useStream(["runs", "hello"], first.reload, isLive && extra === undefined);

  const change = (key: Key, value: string): void => {
    replaceQuery("runs", "", { ...filter, [key]: value });
  };
  const rows = [...(first.value?.items ?? []), ...(extra?.rows ?? [])];
  const next = extra === undefined ? (first.value?.next ?? null) : extra.next;
  const loadMore = async (): Promise<void> => {
    if (next === null) return;
    await act("", async () => {
      const page = await readSome(filter, next);
      setMore({ of: spelled, rows: [...(extra?.rows ?? []), ...page.items], next: page.next });
    });
  };
  return (
    <div class="sheet">
      <div class="head">
        <div>
          <h1>Runs</h1>
          <p>One event, one process; newest first.</p>
        </div>
        <div class="row">
          <button class="btn" type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
            {isLive ? "Live: on" : "Live: off"}
          </button>
          <button class="btn" type="button" onClick={() => setBulk("cancel")}>
            Cancel these…
          </button>
          <button class="btn" type="button" onClick={() => setBulk("replay")}>
            Replay these…
          </button>
        </div>
      </div>
      <Filters filter={filter} live={live} onChange={change} />
      {first.error !== undefined && <Trouble error={first.error} />}
      <div class="card">
        {rows.length === 0 && first.value !== undefined ? (
          <Empty title="No runs">None match these filters.</Empty>
        ) : (
          <RunsTable runs={rows} seen={quietly(rows, seen.current)} />
        )}
        {next !== null && (
          <div class="more">
            <button class="btn" type="button" onClick={() => void loadMore()}>
              Older runs
            </button>
          </div>
        )}
      </div>
      {bulk !== undefined && (
        <Bulk
          action={bulk}
          filter={filter}
          onClose={() => setBulk(undefined)}
          onDone={() => {
            setBulk(undefined);
            first.reload();
          }}
        />
      )}
    </div>
  );
}

/** Where most rows are new each time, marking them would only flicker. */
function quietly(
  rows: readonly RunRow[],
  seen: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  const fresh = rows.filter(({ id }) => seen?.has(id) === false).length;
  return fresh > rows.length / 4 ? undefined : seen;
}

function readFilter(query: URLSearchParams): Filter {
  return Object.fromEntries(
    KEYS.flatMap((key) => {
      const value = query.get(key);
      return value === null || value === "" ? [] : [[key, value]];
    }),
  );
}

/** A page may be empty because so much was looked at in one go: goes on until something was found. */
async function readSome(filter: Filter, cursor?: string, signal?: AbortSignal): Promise<Page<RunRow>> {
  const query = { ...filter, since: toIso(filter.since), until: toIso(filter.until), limit: PAGE_SIZE };
  let page = await get<Page<RunRow>>("/runs", { ...query, cursor }, signal);
  for (let passed = 0; page.items.length === 0 && page.next !== null && passed < EMPTY_PAGES; passed++) {
    page = await get<Page<RunRow>>("/runs", { ...query, cursor: page.next }, signal);
  }
  return page;
}

/** The URL keeps the reader's own time; the API wants UTC. */
function toIso(local: string | undefined): string | undefined {
  if (local === undefined) return undefined;
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

function Filters({
  filter,
  live,
  onChange,
}: {
  filter: Filter;
  live: Live;
  onChange: (key: Key, value: string) => void;
}): VNode {
  return (
    <form class="card pad" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <div class="filters">
        <Choice
          label="State"
          value={filter.state}
          all="Any state"
          options={RUN_STATES}
          onChange={(value) => onChange("state", value)}
        />
        <Choice
          label="Process"
          value={filter.process}
          all="Any process"
          options={[...live.processes.keys()]}
          onChange={(value) => onChange("process", value)}
        />
        <Choice
          label="Input"
          value={filter.input}
          all="Any input"
          options={[...live.inputs.keys()]}
          onChange={(value) => onChange("input", value)}
        />
        <label class="field">
          <span>Text in id or error</span>
          <input
            type="search"
            value={filter.text ?? ""}
            placeholder="Search"
            onInput={(event) => onChange("text", event.currentTarget.value)}
          />
        </label>
        {(["since", "until"] as const).map((key) => (
          <label class="field" key={key}>
            <span>{key === "since" ? "Event from" : "Event until"}</span>
            <input
              type="datetime-local"
              value={filter[key] ?? ""}
              onChange={(event) => onChange(key, event.currentTarget.value)}
            />
          </label>
        ))}
      </div>
      {(["fingerprint", "event"] as const).map(
        (key) =>
          filter[key] !== undefined && (
            <div class="row" key={key}>
              <span class="muted">
                Only of {key === "event" ? "event" : "the error"} <code>{visible(filter[key])}</code>
              </span>
              <button class="btn quiet" type="button" onClick={() => onChange(key, "")}>
                Show all
              </button>
            </div>
          ),
      )}
    </form>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string | undefined;
  readonly all: string;
  readonly options: readonly string[];
  readonly onChange: (value: string) => void;
}

function Choice({ label, value = "", all, options, onChange }: ChoiceProps): VNode {
  const known = value === "" || options.includes(value) ? options : [...options, value];
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">{all}</option>
        {known.map((option) => (
          <option key={option} value={option}>
            {visible(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What the server's bulk replay understands; with anything else the page goes through the matching runs itself. */
const SERVER_KEYS: ReadonlySet<string> = new Set(["state", "process", "event", "fingerprint"]);
const MOST = 1_000;
const ACTS_ON: Readonly<Record<"replay" | "cancel", ReadonlySet<string>>> = {
  replay: new Set(["dead", "cancelled", "succeeded"]),
  cancel: new Set(["queued", "waiting", "running", "retrying", "dead"]),
};

interface Preview {
  readonly count: number;
  readonly isMore: boolean;
  readonly go: () => Promise<string>;
}

/** A bulk action is never done before its count was shown. */
function Bulk({
  action,
  filter,
  onClose,
  onDone,
}: {
  action: "replay" | "cancel";
  filter: Filter;
  onClose: () => void;
  onDone: () => void;
}): VNode {
  const preview = useLoaded(
    () => (action === "replay" ? previewReplay(filter) : previewEach(action, filter)),
    [],
  );
  const { value, error } = preview;
  const verb = action === "replay" ? "Replay" : "Cancel";
  return (
    <Dialog
      title={`${verb} by filter`}
      verb={value === undefined ? verb : `${verb} ${value.count} ${value.count === 1 ? "run" : "runs"}`}
      risk={action === "cancel"}
      disabled={value === undefined || value.count === 0}
      onClose={onClose}
      onDone={async () => {
        if (value === undefined) return;
        let answer = "";
        const isDone = await act(`${verb} was asked for`, async () => {
          answer = await value.go();
        });
        if (isDone && answer !== "") onDone();
      }}
    >
      <p class="prose">{describe(filter)}</p>
      {value === undefined && error === undefined && <p class="muted">Counting…</p>}
      {error !== undefined && <Trouble error={error} />}
      {value !== undefined && (
        <p>
          <strong>
            {value.count} {value.count === 1 ? "run matches" : "runs match"}
          </strong>
          {value.isMore
            ? `; these are the newest, more will be left. Narrow the filter or do it again.`
            : "."}
        </p>
      )}
    </Dialog>
  );
}

function describe(filter: Filter): string {
  const parts = Object.entries(filter).map(([key, value]) => `${key} is ${visible(value)}`);
  return parts.length === 0 ? "No filter is set: this is every run." : `Where ${parts.join(", ")}.`;
}

async function previewReplay(filter: Filter): Promise<Preview> {
  const isForServer =
    Object.keys(filter).length > 0 &&
    Object.keys(filter).every((key) => SERVER_KEYS.has(key)) &&
    (filter.state === undefined || ACTS_ON.replay.has(filter.state));
  if (!isForServer) return previewEach("replay", filter);
  const { matched } = await post<{ matched: number }>("/runs/replay", { filter, dryRun: true });
  return {
    count: matched,
    isMore: false,
    go: async () => {
      const answer = await post<{ replayed: number }>("/runs/replay", { filter });
      return `${answer.replayed} replayed`;
    },
  };
}

async function previewEach(action: "replay" | "cancel", filter: Filter): Promise<Preview> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<RunRow> = await readSome(filter, cursor);
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
async function forEach(action: "replay" | "cancel", ids: readonly string[]): Promise<string> {
  let done = 0;
  for (const id of ids) {
    try {
      await post(`/runs/${segment(id)}/${action}`);
      done++;
    } catch (error) {
      if (toRecord(error).code !== "RUN_STATE") throw error;
    }
  }
  return `${done} done`;
}

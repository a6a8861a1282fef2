import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { visible } from "../format.ts";
import { useMay, type Live } from "../live.ts";
import { act, Empty, Trouble } from "../parts/basics.tsx";
import { Bulk } from "../parts/bulk.tsx";
import { RunsTable } from "../parts/runs-table.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { replaceQuery, type Place } from "../router.ts";
import { readFilter, readRuns, type FilterKey, type RunFilter } from "../run-filter.ts";
import { RUN_STATES, type RunAction } from "../run-states.ts";
import type { RunRow } from "../types.ts";

const PAGE_SIZE = 50;

/** Runs by filter, which stands in the URL; the first page is live. */
export function RunsPage({ live, place }: { live: Live; place: Place }): VNode {
  const filter = readFilter(place.query);
  const spelled = JSON.stringify(filter);
  const mayAct = useMay("operator");
  const [isLive, setLive] = useState(true);
  const [more, setMore] = useState<{ of: string; rows: readonly RunRow[]; next: string | null }>();
  const [bulk, setBulk] = useState<RunAction | undefined>(undefined);
  const first = useLoaded((signal) => readRuns(filter, { limit: PAGE_SIZE, signal }), [spelled]);
  const seen = useRef<ReadonlySet<string> | undefined>(undefined);
  useEffect(() => {
    seen.current = undefined;
  }, [spelled]);
  useEffect(() => {
    if (first.value !== undefined) seen.current = new Set(first.value.items.map(({ id }) => id));
  }, [first.value]);
  const extra = more?.of === spelled ? more : undefined;
  useStream(["runs", "hello"], first.reload, isLive && extra === undefined);

  const change = (key: FilterKey, value: string): void => {
    replaceQuery("runs", "", { ...filter, [key]: value });
  };
  const rows = [...(first.value?.items ?? []), ...(extra?.rows ?? [])];
  const next = extra === undefined ? (first.value?.next ?? null) : extra.next;
  const loadMore = async (): Promise<void> => {
    if (next === null) return;
    await act("", async () => {
      const page = await readRuns(filter, { limit: PAGE_SIZE, cursor: next });
      setMore({ of: spelled, rows: [...(extra?.rows ?? []), ...page.items], next: page.next });
    });
  };
  return (
    <Sheet
      title="Runs"
      about="One event, one process; newest first."
      actions={
        <div class="row">
          <button class="btn" type="button" aria-pressed={isLive} onClick={() => setLive(!isLive)}>
            {isLive ? "Live: on" : "Live: off"}
          </button>
          {mayAct && (
            <>
              <button class="btn" type="button" onClick={() => setBulk("cancel")}>
                Cancel these…
              </button>
              <button class="btn" type="button" onClick={() => setBulk("replay")}>
                Replay these…
              </button>
            </>
          )}
        </div>
      }
    >
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
          title={bulk === "replay" ? "Replay by filter" : "Cancel by filter"}
          about={describe(filter)}
          action={bulk}
          filter={filter}
          onClose={() => setBulk(undefined)}
          onDone={() => {
            setBulk(undefined);
            first.reload();
          }}
        />
      )}
    </Sheet>
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

function Filters({
  filter,
  live,
  onChange,
}: {
  filter: RunFilter;
  live: Live;
  onChange: (key: FilterKey, value: string) => void;
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

function describe(filter: RunFilter): string {
  const parts = Object.entries(filter).map(([key, value]) => `${key} is ${visible(value)}`);
  return parts.length === 0 ? "No filter is set: this is every run." : `Where ${parts.join(", ")}.`;
}

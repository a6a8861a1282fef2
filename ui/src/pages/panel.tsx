import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api.ts";
import { formatCount, formatDuration, formatLag, formatRate, visible } from "../format.ts";
import { nodeKey } from "../graph/layout.ts";
import { inputHealth, processHealth } from "../health.ts";
import { countOf, live, useMay, type Live } from "../live.ts";
import { isDying, rateOf, type Series } from "../measures.ts";
import { ErrorBox, State, Time, useNow } from "../parts/basics.tsx";
import { DurationChart, RateChart } from "../parts/charts.tsx";
import { JsonTree } from "../parts/json.tsx";
import { PastDialog } from "../parts/past.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { href } from "../router.ts";
import type { EventRow, GraphNode, InputRow, Page, ProcessRow, RunRow } from "../types.ts";
import { steer } from "../steer.ts";
import { useStore } from "../store.ts";

export interface PanelProps {
  readonly node: GraphNode;
  readonly live: Live;
  readonly onClose: () => void;
}

/** What there is to know of one node, beside the picture. */
export function Panel({ node, live, onClose }: PanelProps): VNode {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    panel.current?.querySelector<HTMLElement>("h2")?.focus();
  }, []);
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape") onClose();
  };
  const input = node.role === "input" ? live.inputs.get(node.name) : undefined;
  const process = node.role === "process" ? live.processes.get(node.name) : undefined;
  return (
    <aside class="panel" ref={panel} aria-label={`Details of ${visible(node.name)}`} onKeyDown={onKey}>
      <header>
        <div>
          <h2 class="panel-title" tabIndex={-1}>
            {visible(node.name)}
          </h2>
          <p class="muted">{node.role === "dataset" ? "dataset" : `${node.role} · ${visible(node.type)}`}</p>
        </div>
        <button class="btn quiet icon" type="button" aria-label="Close details" onClick={onClose}>
          ✕
        </button>
      </header>
      {input !== undefined && <InputPart row={input} series={live.series.get(node.name)} />}
      {process !== undefined && <ProcessPart row={process} series={live.series.get(node.name)} />}
      <Neighbours node={node} live={live} />
      {node.role !== "dataset" && <ConfigPart name={node.name} config={live.info.config} />}
    </aside>
  );
}

function Buttons({ role, name, state }: { role: string; name: string; state: string }): VNode | null {
  const isPaused = state === "paused";
  if (!useMay("operator")) return null;
  return (
    <div class="row">
      <button class="btn" type="button" onClick={() => void steer(role, name, isPaused ? "resume" : "pause")}>
        {isPaused ? "Resume" : "Pause"}
      </button>
      {role === "input" && (
        <button class="btn" type="button" onClick={() => void steer(role, name, "restart")}>
          Restart
        </button>
      )}
    </div>
  );
}

function InputPart({ row, series }: { row: InputRow; series: Series | undefined }): VNode {
  const health = inputHealth(row);
  const now = useNow();
  return (
    <>
      <div class="row between">
        <State tone={health.tone}>{health.word}</State>
        <Buttons role="input" name={row.name} state={row.state} />
      </div>
      <section>
        <div class={row.lag === null ? "tiles three" : "tiles"}>
          <Tile label="Rate" value={formatRate(rateOf(series))} />
          <Tile label="Restarts" value={formatCount(row.restarts)} />
          {row.lag !== null && <Tile label="Lag" value={formatLag(row.lag, now)} />}
          <div class="tile">
            <span>Last event</span>
            <b>
              <Time at={row.lastEventAt} />
            </b>
          </div>
        </div>
      </section>
      <section>
        <h3>Events per second</h3>
        <RateChart samples={series?.samples ?? []} />
      </section>
      {row.lastError !== null && (
        <section>
          <h3>Last error</h3>
          <ErrorBox error={row.lastError} />
        </section>
      )}
      <LastEvents trigger={row.name} />
    </>
  );
}

function ProcessPart({ row, series }: { row: ProcessRow; series: Series | undefined }): VNode {
  const health = processHealth(row, isDying(series));
  const last = series?.samples.findLast(({ duration }) => duration !== undefined)?.duration;
  return (
    <>
      <div class="row between">
        <State tone={health.tone}>{health.word}</State>
        <div class="row">
          <Buttons role="process" name={row.name} state={row.state} />
          <PastButton process={row.name} />
        </div>
      </div>
      <section>
        <div class="tiles">
          <Tile label="Rate" value={formatRate(rateOf(series))} />
          <Tile label="Queued" value={formatCount(countOf(row, "queued", "waiting"))} />
          <Tile label="Running" value={`${row.running} / ${row.concurrency}`} />
          <Tile label="Duration" value={last === undefined ? "–" : formatDuration(last)} />
          <Tile label="Succeeded" value={formatCount(row.runs.succeeded ?? 0)} />
          <Tile label="Retrying" value={formatCount(row.runs.retrying ?? 0)} />
          <Tile label="Dead" value={formatCount(row.runs.dead ?? 0)} />
          <Tile label="Cancelled" value={formatCount(row.runs.cancelled ?? 0)} />
        </div>
      </section>
      <section>
        <h3>Runs per second</h3>
        <RateChart samples={series?.samples ?? []} />
      </section>
      <section>
        <h3>Mean duration</h3>
        <DurationChart samples={series?.samples ?? []} />
      </section>
      {row.lastError !== null && (
        <section>
          <h3>Why it could not be opened the last time</h3>
          <ErrorBox error={row.lastError} />
        </section>
      )}
      <LastErrors process={row.name} dead={row.runs.dead ?? 0} />
    </>
  );
}

function PastButton({ process }: { process: string }): VNode | null {
  const [isOpen, setOpen] = useState(false);
  const known = useStore(live);
  if (!useMay("operator") || known === undefined) return null;
  const feeding = known.graph.edges.filter(({ to, kind }) => kind === "link" && to === process);
  const sources = new Set([...feeding.map(({ from }) => from), ...known.inputs.keys()]);
  return (
    <>
      <button class="btn" type="button" onClick={() => setOpen(true)}>
        Past events…
      </button>
      {isOpen && <PastDialog process={process} sources={[...sources]} onClose={() => setOpen(false)} />}
    </>
  );
}

function Tile({ label, value }: { label: string; value: string }): VNode {
  return (
    <div class="tile">
      <span>{label}</span>
      <b>{value}</b>
    </div>
  );
}

function LastErrors({ process, dead }: { process: string; dead: number }): VNode {
  const { value: runs = [] } = useLoaded((signal) => readFailed(process, signal), [process, dead]);
  return (
    <section>
      <h3>Last errors</h3>
      {runs.length === 0 ? (
        <p class="muted">None.</p>
      ) : (
        runs.map(({ id, error, finishedAt, state }) => (
          <div key={id}>
            {error !== null && <ErrorBox error={error} />}
            <a class="small" href={href("run", id)}>
              {state} run, <Time at={finishedAt} />
            </a>
          </div>
        ))
      )}
      <a href={href("runs", "", { process })}>All runs of {visible(process)}</a>
    </section>
  );
}

async function readFailed(process: string, signal: AbortSignal): Promise<readonly RunRow[]> {
  const states = ["dead", "retrying"] as const;
  const pages = await Promise.all(
    states.map((state) => get<Page<RunRow>>("runs", { process, state, limit: 3 }, signal)),
  );
  const runs = pages.flatMap(({ items }) => items);
  return runs.filter(({ error }) => error !== null).slice(0, 4);
}

function LastEvents({ trigger }: { trigger: string }): VNode {
  const { value, reload } = useLoaded(
    (signal) => get<Page<EventRow>>("events", { trigger, limit: 5 }, signal),
    [trigger],
  );
  useStream(["events", "hello"], reload);
  const events = value?.items ?? [];
  return (
    <section>
      <h3>Last events</h3>
      {events.length === 0 && <p class="muted">None.</p>}
      <ul class="list">
        {events.map(({ uid, operation, location, id, time }) => (
          <li key={uid}>
            <a class="wrap" href={href("event", uid)}>
              {visible(`${operation} ${location}/${id}`)}
            </a>{" "}
            <span class="muted nowrap">
              <Time at={time} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Where its data comes from and goes to, by name: the picture for those who do not see it. */
function Neighbours({ node, live: { graph } }: { node: GraphNode; live: Live }): VNode {
  const mine = graph.edges.filter(({ from, to, kind }) => {
    const isFromStore = kind === "reads";
    const isToStore = kind === "writes";
    const isStore = node.role === "dataset";
    return (from === node.id && isFromStore === isStore) || (to === node.id && isToStore === isStore);
  });
  return (
    <section>
      <h3>Connections</h3>
      {mine.length === 0 && <p class="muted">None.</p>}
      <ul class="list">
        {mine.map((edge, index) => {
          const isOutgoing = edge.from === node.id;
          const other = isOutgoing ? edge.to : edge.from;
          const isOtherStore = edge.kind !== "link" && node.role !== "dataset";
          const target = graph.nodes.find(
            ({ id, role }) => id === other && (role === "dataset") === isOtherStore,
          );
          const conditions = [edge.operations?.join(", "), edge.locations?.join(", "), edge.when].filter(
            Boolean,
          );
          return (
            <li key={index} class="wrap">
              <span class="muted">{isOutgoing ? "to " : "from "}</span>
              {target === undefined ? (
                visible(other)
              ) : (
                <a href={href("pipeline", "", { node: nodeKey(target) })}>{visible(other)}</a>
              )}
              {conditions.length > 0 && <code class="muted"> {visible(conditions.join(" · "))}</code>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function ConfigPart({ name, config }: { name: string; config: unknown }): VNode | null {
  const part = findComponent(config, name);
  if (part === undefined) return null;
  return (
    <section>
      <h3>Configuration</h3>
      <JsonTree value={part} />
    </section>
  );
}

/** The table of a component in the file, wherever the file keeps it. */
function findComponent(config: unknown, name: string): unknown {
  if (typeof config !== "object" || config === null) return undefined;
  const { input, process } = config as Readonly<Record<string, unknown>>;
  for (const list of [input, process]) {
    if (!Array.isArray(list)) continue;
    const found: unknown = list.find((table: unknown) => (table as { name?: unknown } | null)?.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

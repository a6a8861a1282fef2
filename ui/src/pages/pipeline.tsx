import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { formatAgo, formatCount, formatRate, visible } from "../format.ts";
import { Dag } from "../graph/dag.tsx";
import { nodeKey } from "../graph/layout.ts";
import type { Box } from "../graph/shapes.ts";
import { inputHealth, processHealth } from "../health.ts";
import { countOf, type Live } from "../live.ts";
import { isDying, rateOf } from "../measures.ts";
import { Empty, State, useNow } from "../parts/basics.tsx";
import { Table } from "../parts/table.tsx";
import { href, replaceQuery, type Place } from "../router.ts";
import { steer } from "../steer.ts";
import { Panel } from "./panel.tsx";

type View = "graph" | "table";

/** The DAG, live, with what can be done to each node. */
export function PipelinePage({ live, place }: { live: Live; place: Place }): VNode {
  const chosen = place.query.get("node") ?? undefined;
  const view: View = place.query.get("view") === "table" ? "table" : "graph";
  const [search, setSearch] = useState("");
  const change = (query: { node?: string; view?: View }): void => {
    const next = { node: chosen, view, ...query };
    replaceQuery("pipeline", "", {
      ...(next.node !== undefined && { node: next.node }),
      ...(next.view === "table" && { view: "table" }),
    });
  };
  const open = (box: Box | undefined): void =>
    change({ node: box === undefined || box.key === chosen ? "" : box.key });
  const node = live.graph.nodes.find((candidate) => nodeKey(candidate) === chosen);
  return (
    <>
      <div class="bar">
        <h1 class="hidden">Pipeline</h1>
        <Figures live={live} />
        <div class="row">
          <label>
            <span class="hidden">Find a node</span>
            <input
              class="input"
              type="search"
              placeholder="Find a node"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          </label>
          <div class="switch" role="group" aria-label="View">
            {(["graph", "table"] as const).map((name) => (
              <button
                type="button"
                key={name}
                aria-pressed={view === name}
                onClick={() => change({ view: name })}
              >
                {name === "graph" ? "Graph" : "Table"}
              </button>
            ))}
          </div>
        </div>
      </div>
      {live.graph.nodes.length === 0 ? (
        <Empty title="Nothing is in this pipeline yet">
          Write an input and a process into its file, or have them written by <code>sluice create</code>.
        </Empty>
      ) : (
        <div class="stage">
          {view === "graph" ? (
            <Dag
              live={live}
              chosen={chosen}
              search={search}
              onOpen={open}
              onAction={(box, action) => void steer(box.node.role, box.node.name, action)}
            />
          ) : (
            <ComponentTable live={live} search={search} onOpen={(key) => change({ node: key })} />
          )}
          {node !== undefined && (
            <Panel key={chosen} node={node} live={live} onClose={() => change({ node: "" })} />
          )}
        </div>
      )}
    </>
  );
}

function Figures({ live }: { live: Live }): VNode {
  const processes = [...live.processes.values()];
  const sum = (...states: Parameters<typeof countOf>[1][]): number =>
    processes.reduce((total, row) => total + countOf(row, ...states), 0);
  const taken = [...live.inputs.keys()].reduce((total, name) => total + rateOf(live.series.get(name)), 0);
  const done = processes.reduce((total, { name }) => total + rateOf(live.series.get(name)), 0);
  const dead = sum("dead");
  const figures: readonly (readonly [string, string, string])[] = [
    ["Events in", formatRate(taken), ""],
    ["Runs done", formatRate(done), ""],
    ["Queued", formatCount(sum("queued", "waiting")), ""],
    ["Running", formatCount(processes.reduce((total, { running }) => total + running, 0)), ""],
    ["Retrying", formatCount(sum("retrying")), sum("retrying") > 0 ? "t-warn" : ""],
    ["Dead", formatCount(dead), dead > 0 ? "t-bad" : ""],
  ];
  return (
    <div class="figures" tabIndex={0} role="group" aria-label="Figures of the pipeline">
      {figures.map(([label, value, look]) => (
        <div class="figure" key={label}>
          <span>{label}</span>
          <b class={look}>{value}</b>
        </div>
      ))}
    </div>
  );
}

const COLUMNS = {
  Name: "",
  Kind: "",
  State: "",
  Rate: "num",
  Queued: "num",
  Running: "num",
  Dead: "num",
  "Last activity": "",
} as const;

/** The same as a table: for a screen reader, a small screen, or a sorted look at many. */
function ComponentTable({
  live,
  search,
  onOpen,
}: {
  live: Live;
  search: string;
  onOpen: (key: string) => void;
}): VNode {
  const now = useNow();
  const needle = search.trim().toLowerCase();
  const rows = live.graph.nodes.filter(
    ({ role, name }) => role !== "dataset" && name.toLowerCase().includes(needle),
  );
  return (
    <Table label="Components" columns={COLUMNS} isFilling>
      {rows.map((node) => {
        const input = live.inputs.get(node.name);
        const process = node.role === "process" ? live.processes.get(node.name) : undefined;
        const series = live.series.get(node.name);
        const health =
          process !== undefined
            ? processHealth(process, isDying(series))
            : input !== undefined
              ? inputHealth(input)
              : undefined;
        const last = process === undefined ? input?.lastEventAt : series?.movedAt;
        return (
          <tr key={nodeKey(node)}>
            <td>
              <a
                href={href("pipeline", "", { node: nodeKey(node), view: "table" })}
                onClick={(event) => {
                  event.preventDefault();
                  onOpen(nodeKey(node));
                }}
              >
                {visible(node.name)}
              </a>
            </td>
            <td class="muted">
              {node.role} · {visible(node.type)}
            </td>
            <td>{health !== undefined && <State tone={health.tone}>{health.word}</State>}</td>
            <td class="num">{formatRate(rateOf(series))}</td>
            <td class="num">
              {process === undefined ? "" : formatCount(countOf(process, "queued", "waiting", "retrying"))}
            </td>
            <td class="num">{process === undefined ? "" : `${process.running} / ${process.concurrency}`}</td>
            <td class="num">{process === undefined ? "" : formatCount(process.runs.dead ?? 0)}</td>
            <td class="muted">{last === null || last === undefined ? "" : formatAgo(last, now)}</td>
          </tr>
        );
      })}
    </Table>
  );
}

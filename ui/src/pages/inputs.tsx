import type { VNode } from "preact";
import { formatBytes, formatDuration, formatLag, formatRate, visible } from "../format.ts";
import { nodeKey } from "../graph/layout.ts";
import { inputHealth } from "../health.ts";
import { useMay, type Live } from "../live.ts";
import { rateOf } from "../measures.ts";
import { Empty, State, Time, useNow } from "../parts/basics.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { Table } from "../parts/table.tsx";
import { href } from "../router.ts";
import type { InputRow, Lag } from "../types.ts";
import { steer } from "../steer.ts";

const COLUMNS = {
  Name: "",
  Kind: "",
  State: "",
  Rate: "num",
  Restarts: "num",
  "Last event": "",
  Lag: "num",
  "Last error": "",
  Actions: "hidden",
} as const;

/** What listens, how it fares, and how long ago it heard something. */
export function InputsPage({ live }: { live: Live }): VNode {
  const rows = [...live.inputs.values()];
  return (
    <Sheet title="Inputs" about="What listens for events. One that throws is started again with back-off.">
      <div class="card">
        {rows.length === 0 ? (
          <Empty title="No inputs" />
        ) : (
          <Table label="Inputs" columns={COLUMNS}>
            {rows.map((row) => (
              <InputLine key={row.name} row={row} rate={rateOf(live.series.get(row.name))} />
            ))}
          </Table>
        )}
      </div>
    </Sheet>
  );
}

function InputLine({ row, rate }: { row: InputRow; rate: number }): VNode {
  const { tone, word } = inputHealth(row);
  const mayAct = useMay("operator");
  const isPaused = row.state === "paused";
  const name = visible(row.name);
  const key = nodeKey({ id: row.name, role: "input", name: row.name, type: row.type });
  return (
    <tr>
      <td>
        <a href={href("pipeline", "", { node: key })}>{name}</a>
      </td>
      <td class="muted">{visible(row.type)}</td>
      <td>
        <State tone={tone}>{word}</State>
      </td>
      <td class="num">{formatRate(rate)}</td>
      <td class="num">{row.restarts}</td>
      <td class="nowrap">
        <Time at={row.lastEventAt} />
      </td>
      <td class="num nowrap">
        {row.lag === null ? <span class="muted">not told</span> : <LagText lag={row.lag} />}
      </td>
      <td>
        {row.lastError === null ? (
          <span class="muted">none</span>
        ) : (
          <span class="cut" title={visible(row.lastError.message)}>
            <code>{visible(row.lastError.code)}</code> {visible(row.lastError.message)}
          </span>
        )}
      </td>
      <td class="right nowrap">{mayAct && <Buttons name={row.name} isPaused={isPaused} />}</td>
    </tr>
  );
}

function Buttons({ name, isPaused }: { name: string; isPaused: boolean }): VNode {
  return (
    <>
      <button
        class="btn"
        type="button"
        aria-label={`${isPaused ? "Resume" : "Pause"} ${visible(name)}`}
        onClick={() => void steer("input", name, isPaused ? "resume" : "pause")}
      >
        {isPaused ? "Resume" : "Pause"}
      </button>{" "}
      <button
        class="btn"
        type="button"
        aria-label={`Restart ${visible(name)}`}
        onClick={() => void steer("input", name, "restart")}
      >
        Restart
      </button>
    </>
  );
}

/** What waits at the source, and for how long the oldest of it has. */
function LagText({ lag }: { lag: Lag }): VNode {
  const now = useNow();
  const age = lag.oldest === null ? "" : ` · ${formatDuration(Math.max(0, now - Date.parse(lag.oldest)))}`;
  return (
    <>
      {formatLag(lag, now)}
      {lag.events !== null && (
        <span class="muted">
          {" "}
          waiting{lag.bytes === null || lag.bytes === 0 ? "" : ` · ${formatBytes(lag.bytes)}`}
          {age}
        </span>
      )}
      {lag.retained !== null && <span class="muted"> · {formatBytes(lag.retained)} kept there</span>}
    </>
  );
}

import type { VNode } from "preact";
import { formatDuration, shortUid, visible } from "../format.ts";
import { RUN_TONES } from "../health.ts";
import { href } from "../router.ts";
import type { RunRow } from "../types.ts";
import { State, Time } from "./basics.tsx";
import { Table } from "./table.tsx";

const COLUMNS = {
  State: "",
  Process: "",
  Event: "",
  Attempts: "num",
  When: "",
  Took: "num",
  Error: "",
} as const;

/** Runs as rows; those not among `seen` are marked as just arrived. */
export function RunsTable({
  runs,
  seen,
}: {
  runs: readonly RunRow[];
  seen?: ReadonlySet<string> | undefined;
}): VNode {
  return (
    <Table label="Runs" columns={COLUMNS}>
      {runs.map((run) => (
        <tr key={run.id} class={seen !== undefined && !seen.has(run.id) ? "new" : ""}>
          <td>
            <a href={href("run", run.id)} aria-label={`${run.state} run ${run.id}`}>
              <State tone={RUN_TONES[run.state]}>{run.state}</State>
            </a>
          </td>
          <td class="nowrap">
            {visible(run.process)}
            {run.replayOf !== null && <span class="muted"> · replay</span>}
          </td>
          <td>
            <a class="mono" href={href("event", run.event)} title={run.event}>
              {shortUid(run.event)}
            </a>
          </td>
          <td class="num">{run.attempts}</td>
          <td class="muted nowrap">
            <When run={run} />
          </td>
          <td class="num nowrap">{durationOf(run)}</td>
          <td>
            {run.error !== null && (
              <span class="cut muted" title={visible(run.error.message)}>
                {visible(run.error.message)}
              </span>
            )}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function When({ run }: { run: RunRow }): VNode | null {
  if (run.finishedAt !== null) return <Time at={run.finishedAt} />;
  if (run.dueAt !== null) {
    return (
      <>
        due <Time at={run.dueAt} />
      </>
    );
  }
  return run.startedAt === null ? <>not yet</> : <Time at={run.startedAt} />;
}

function durationOf({ startedAt, finishedAt }: RunRow): string {
  if (startedAt === null || finishedAt === null) return "";
  return formatDuration(Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt)));
}

import type { VNode } from "preact";
import type { OptionChange, PipelinePlan, PlannedChange } from "../../../src/model/pipeline-plan.ts";
import { formatRuns, visible } from "../format.ts";
import type { Tone } from "../health.ts";
import { State } from "../parts/basics.tsx";
import { Table } from "../parts/table.tsx";

const TONES: Readonly<Record<PlannedChange["action"], Tone>> = { add: "ok", change: "busy", remove: "bad" };
const COLUMNS = { Change: "", Component: "", Options: "", Effect: "" } as const;

/** What an apply would do. */
export function Plan({ plan }: { plan: PipelinePlan }): VNode {
  const { changes, atStart, localOnly, warnings } = plan;
  const notes = [
    ...localOnly.map((text) => `Only where it runs: ${text}`),
    ...warnings,
    ...(atStart.length > 0 ? [`Read at the next start only: ${atStart.join(", ")}.`] : []),
  ];
  return (
    <div class="stack" role="status">
      {changes.length === 0 ? (
        <p>Nothing would change while it runs.</p>
      ) : (
        <Table label="Plan" columns={COLUMNS}>
          {changes.map((change) => (
            <tr key={`${change.role} ${change.name}`}>
              <td>
                <State tone={TONES[change.action]}>{change.action}</State>
              </td>
              <td>
                {visible(change.name)} <span class="muted">{visible(change.type ?? change.role)}</span>
              </td>
              <td>
                <Options options={change.options} />
              </td>
              <td class="muted">{effectOf(change)}</td>
            </tr>
          ))}
        </Table>
      )}
      {notes.map((note) => (
        <p key={note} class="t-warn">
          {visible(note)}
        </p>
      ))}
    </div>
  );
}

function Options({ options }: { options: readonly OptionChange[] }): VNode {
  return (
    <ul class="list">
      {options.map(({ option, before, after }) => (
        <li key={option} class="wrap">
          <code>{visible(option)}</code> <Change before={before} after={after} />
        </li>
      ))}
    </ul>
  );
}

export function Change({ before, after }: { before: unknown; after: unknown }): VNode {
  return (
    <>
      {before !== null && before !== undefined && <del>{visible(textOf(before))}</del>}{" "}
      {after !== null && after !== undefined && <ins>{visible(textOf(after))}</ins>}
    </>
  );
}

function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function effectOf({ restarts, openRuns, running }: PlannedChange): string {
  const effects = [
    ...(restarts ? ["starts anew"] : []),
    ...(openRuns > 0 ? [`${formatRuns(openRuns)} open, ${running} of them running`] : []),
  ];
  return effects.join("; ");
}

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { VersionDetail, VersionRow } from "../../../src/model/pipeline-plan.ts";
import { get } from "../api.ts";
import { visible } from "../format.ts";
import { Empty, Time, Trouble } from "../parts/basics.tsx";
import { Table } from "../parts/table.tsx";
import { useLoaded } from "../parts/use.ts";
import { differencesOf } from "./difference.ts";
import { Proposal } from "./editor.tsx";
import { Change } from "./plan.tsx";

const COLUMNS = { Version: "num", When: "", By: "", How: "", Actions: "hidden" } as const;

export interface VersionsProps {
  readonly versions: readonly VersionRow[];
  readonly mayChange: boolean;
  readonly onDone: () => void;
}

/** What the pipeline was: who made it so, and when. Any can be compared with what runs, and come back. */
export function Versions({ versions, mayChange, onDone }: VersionsProps): VNode {
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const current = versions.find((row) => row.current)?.version;
  return (
    <section class="card pad stack">
      <h2>Versions</h2>
      {versions.length === 0 ? (
        <Empty title="No versions are kept">Those of a pipeline from a file are.</Empty>
      ) : (
        <Table label="Versions" columns={COLUMNS}>
          {versions.map(({ version, at, by, how }) => (
            <tr key={version}>
              <td class="num">{version}</td>
              <td class="nowrap">
                <Time at={at} />
              </td>
              <td>{visible(by)}</td>
              <td>{visible(how)}</td>
              <td class="right">
                {version === current ? (
                  <span class="muted">runs now</span>
                ) : (
                  <button
                    class="btn"
                    type="button"
                    aria-expanded={chosen === version}
                    aria-label={`Compare version ${version}`}
                    onClick={() => setChosen(chosen === version ? undefined : version)}
                  >
                    Compare
                  </button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {chosen !== undefined && current !== undefined && (
        <Comparison key={chosen} from={chosen} to={current} mayChange={mayChange} onDone={onDone} />
      )}
    </section>
  );
}

interface ComparisonProps {
  readonly from: number;
  readonly to: number;
  readonly mayChange: boolean;
  readonly onDone: () => void;
}

function Comparison({ from, to, mayChange, onDone }: ComparisonProps): VNode {
  const { value, error } = useLoaded(
    (signal) =>
      Promise.all(
        [from, to].map((version) => get<VersionDetail>(`pipeline/versions/${version}`, {}, signal)),
      ),
    [from, to],
  );
  const differences = value === undefined ? [] : differencesOf(value[0]?.config, value[1]?.config);
  return (
    <div class="stack">
      <h3>
        From version {from} to {to}, which runs now
      </h3>
      {error !== undefined && <Trouble error={error} />}
      {value !== undefined && differences.length === 0 && (
        <p class="muted">Nothing that is shown differs; what is secret, or a module's content, may.</p>
      )}
      {differences.length > 0 && (
        <ul class="list">
          {differences.map(({ path, before, after }) => (
            <li key={path} class="wrap">
              <code>{visible(path)}</code> <Change before={before} after={after} />
            </li>
          ))}
        </ul>
      )}
      {mayChange && (
        <>
          <h3>Roll back to version {from}</h3>
          <Proposal proposed={{ rollback: from }} mayChange onDone={onDone} />
        </>
      )}
    </div>
  );
}

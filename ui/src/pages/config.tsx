import type { VNode } from "preact";
import type { VersionDetail, VersionRow } from "../../../src/model/pipeline-plan.ts";
import { get } from "../api.ts";
import { Editor } from "../config/editor.tsx";
import { Versions } from "../config/versions.tsx";
import { refresh, useMay, type Live } from "../live.ts";
import { Empty, Trouble } from "../parts/basics.tsx";
import { JsonTree } from "../parts/json.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { useLoaded } from "../parts/use.ts";
import type { Page } from "../types.ts";

/** What the pipeline is, what it was, and what it could become. What is secret was masked by the server. */
export function ConfigPage({ live }: { live: Live }): VNode {
  const { config, version, managedBy, mayChange } = live.info;
  const isAdmin = useMay("admin");
  const { value, error, reload } = useLoaded((signal) => readVersions(isAdmin, signal), [version, isAdmin]);
  const done = (): void => {
    void refresh();
    reload();
  };
  return (
    <Sheet
      title="Configuration"
      about={
        managedBy === "api"
          ? "It can be changed here, by an admin; secrets never leave the server."
          : "As it was read; secrets never leave the server. To change it, change the file."
      }
    >
      <Now live={live} />
      {error !== undefined && <Trouble error={error} />}
      {version !== null && value !== undefined && (
        <Versions versions={value.versions} mayChange={isAdmin && mayChange} onDone={done} />
      )}
      {version !== null && isAdmin && value !== undefined && (
        <Editor
          key={version}
          text={value.source?.text ?? ""}
          format={value.source?.format ?? "toml"}
          mayChange={mayChange}
          onDone={done}
        />
      )}
      <section class="card pad">
        <h2>File</h2>
        {config === null || config === undefined ? (
          <Empty title="No file">This pipeline was made in code.</Empty>
        ) : (
          <JsonTree value={config} />
        )}
      </section>
    </Sheet>
  );
}

function Now({ live: { info } }: { live: Live }): VNode {
  const { journal, state, openRuns, version } = info;
  return (
    <section class="card pad">
      <h2>Now</h2>
      <dl class="dl">
        <dt>Pipeline</dt>
        <dd>{state}</dd>
        {version !== null && (
          <>
            <dt>Version</dt>
            <dd>{version}</dd>
          </>
        )}
        <dt>Journal</dt>
        <dd>
          {journal.durable ? "on disk" : "in memory"}, {journal.healthy ? "healthy" : "cannot be written"}
        </dd>
        <dt>Open runs</dt>
        <dd>{openRuns}</dd>
      </dl>
    </section>
  );
}

interface Known {
  readonly versions: readonly VersionRow[];
  /** The text that runs, for an admin. */
  readonly source: VersionDetail["source"];
}

async function readVersions(isAdmin: boolean, signal: AbortSignal): Promise<Known> {
  const { items } = await get<Page<VersionRow>>("pipeline/versions", {}, signal);
  const current = items.find((row) => row.current);
  if (!isAdmin || current === undefined) return { versions: items, source: null };
  const { source } = await get<VersionDetail>(`pipeline/versions/${current.version}`, {}, signal);
  return { versions: items, source };
}

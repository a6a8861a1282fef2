import type { VNode } from "preact";
import type { Live } from "../live.ts";
import { Empty } from "../parts/basics.tsx";
import { JsonTree } from "../parts/json.tsx";
import { Sheet } from "../parts/sheet.tsx";

/** The file as the pipeline took it, with what is secret masked by the server. */
export function ConfigPage({ live }: { live: Live }): VNode {
  const { config, journal, state, openRuns } = live.info;
  return (
    <Sheet
      title="Configuration"
      about="As it was read; secrets never leave the server. To change it, change the file."
    >
      <section class="card pad">
        <h2>Now</h2>
        <dl class="dl">
          <dt>Pipeline</dt>
          <dd>{state}</dd>
          <dt>Journal</dt>
          <dd>
            {journal.durable ? "on disk" : "in memory"}, {journal.healthy ? "healthy" : "cannot be written"}
          </dd>
          <dt>Open runs</dt>
          <dd>{openRuns}</dd>
        </dl>
      </section>
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

import { EPHEMERAL_JOURNAL, type Process } from "../../model/component.ts";
import { defineProcess, type ProcessKind, type Surroundings } from "../../model/kind.ts";
import { checkAccess } from "./access.ts";
import { connectApi, type Api } from "./api.ts";
import { runJob } from "./attempt.ts";
import { createClusterView } from "./cluster-view.ts";
import { findCluster, loadClient } from "./driver.ts";
import { kubernetesOptions, type KubernetesProcessOptions, type Options } from "./options.ts";
import { readTemplate } from "./template.ts";

export type { KubernetesProcessOptions, Resources, Toleration } from "./options.ts";

/**
 * Runs a Job for each event, which its container finds in `/sluice/event.json` and, if small, in `SLUICE_EVENT`. Exit
 * code 0 is success, 75 asks for another try. A Job belongs to its run: after a crash it is found again rather than
 * started a second time. What the cluster itself does to a run costs no attempt, up to `interruptions`.
 */
export const kubernetesProcess: ProcessKind<KubernetesProcessOptions, Options, unknown> = defineProcess({
  type: "kubernetes",
  summary: "Runs a Kubernetes Job for each event, which is a file in its container.",
  options: kubernetesOptions,
  secrets: ["env"],
  runsCode: true,
  load: loadClient,
  create: createKubernetesProcess,
  async check(options, { directory }) {
    const template = readTemplate(options, directory);
    const api = connectApi(await findCluster(options, directory));
    try {
      await checkAccess(api, options, template);
    } finally {
      api.close();
    }
  },
});

function createKubernetesProcess(name: string, options: Options, { directory }: Surroundings): Process {
  const template = readTemplate(options, directory);
  const view = createClusterView();
  let owner = { pipeline: "", journal: EPHEMERAL_JOURNAL };
  let connection: Promise<Api> | undefined;

  function connect(): Promise<Api> {
    connection ??= findCluster(options, directory)
      .then(connectApi)
      .catch((error: unknown) => {
        connection = undefined;
        throw error;
      });
    return connection;
  }

  const made: Process = {
    name,
    type: "kubernetes",
    async open({ pipeline, journalId }) {
      owner = { pipeline, journal: journalId };
      await connect();
    },
    async close() {
      const api = await connection?.catch(() => undefined);
      connection = undefined;
      api?.close();
    },
    async run(event, context) {
      context.signal.throwIfAborted();
      const api = await connect();
      const { run, attempt, fence, traceparent } = context;
      const identity = {
        pipeline: owner.pipeline,
        journal: context.journalId ?? owner.journal,
        process: name,
        run: run.id,
        attempt,
        fence,
        event: event.uid,
        traceparent,
        labels: made.settings?.labels ?? {},
      };
      await runJob({ api, view, template }, identity, options, event, context);
    },
  };
  return made;
}

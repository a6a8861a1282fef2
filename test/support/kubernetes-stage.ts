import type { Clock } from "../../src/model/clock.ts";
import type { ProcessSettings } from "../../src/model/component.ts";
import type { EventInit } from "../../src/model/event.ts";
import { kubernetesProcess, type KubernetesProcessOptions } from "../../src/processes/kubernetes/index.ts";
import type { List } from "../../src/processes/kubernetes/objects.ts";
import { createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { startNode, type FullJob, type FullPod, type PlayedNode } from "./kubelet.ts";
import type { KubernetesCluster } from "./kubernetes.ts";

/** On a busy machine. */
export const SOON = { timeout: 20_000, interval: 100 };
export const IMAGE = "registry.example/enrich:1.4";

/** A namespace and a node of one's own, and the process in them. */
export interface Stage extends AsyncDisposable {
  readonly namespace: string;
  readonly node: PlayedNode;
  run(context: TestRunContext, options?: Partial<KubernetesProcessOptions & ProcessSettings>): Promise<void>;
  jobs(): Promise<readonly FullJob[]>;
  pods(): Promise<readonly FullPod[]>;
}

/** @param cluster `undefined` where tests skip: none of them comes here then */
export async function stage(
  cluster: KubernetesCluster | undefined,
  options: { cpu?: string; labels?: Record<string, string> } = {},
): Promise<Stage> {
  if (cluster === undefined) throw new Error("there is no cluster");
  const namespace = await cluster.namespace(options.labels);
  const node = await startNode(cluster, options);
  const kubeconfig = await cluster.kubeconfig();
  return {
    namespace,
    node,
    run(context, more = {}) {
      const nodeSelector = { node: node.name };
      const process = kubernetesProcess({
        name: "work",
        image: IMAGE,
        kubeconfig,
        namespace,
        nodeSelector,
        killAfter: "1s",
        ...more,
      });
      const closed = (async () => {
        try {
          await process.run(context.event, context);
        } finally {
          await process.close?.();
        }
      })();
      // A test may look at other things first.
      closed.catch(() => undefined);
      return closed;
    },
    jobs: async () =>
      (await cluster.call<List<FullJob>>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs`)).items,
    pods: async () =>
      (await cluster.call<List<FullPod>>("GET", `/api/v1/namespaces/${namespace}/pods`)).items,
    [Symbol.asyncDispose]: () => node.remove(),
  };
}

export function contextOf(event: EventInit = { id: "1" }, clock: Clock = realClock): TestRunContext {
  return createRunContext({ event, process: "work", clock });
}

const HURRY = 20;

/** Its minutes are seconds, and its watches too short to last: they begin anew all the time. */
export const hurried: Clock = {
  now: () => realClock.now(),
  monotonic: () => realClock.monotonic() * HURRY,
  setTimer: (delay, callback) => realClock.setTimer(delay / HURRY, callback),
};

export const texts = (context: TestRunContext): string[] => context.lines.map(({ text }) => text);

import { afterAll, describe, expect, test } from "vitest";
import type { FullPod } from "../support/kubelet.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";
import { contextOf, hurried, SOON, stage, type Stage } from "../support/kubernetes-stage.ts";
import { KUBERNETES_VERSION } from "../support/kubernetes-programs.ts";

const { cluster, reason } = await kubernetesForTests();
afterAll(() => cluster?.close());

async function deletePod({ namespace }: Stage, { metadata }: FullPod): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}`;
  await cluster?.call("DELETE", path, { gracePeriodSeconds: 0 });
}

const jobPath = async ({ namespace, jobs }: Stage): Promise<string> =>
  `/apis/batch/v1/namespaces/${namespace}/jobs/${(await jobs())[0]?.metadata.name ?? ""}`;

describe.skipIf(cluster === undefined)(
  `a run whose pod is deleted by force, with Kubernetes ${KUBERNETES_VERSION}${reason === undefined ? "" : ` (${reason})`}`,
  { timeout: 60_000 },
  () => {
    const said: unknown = expect.stringMatching(/is deleted, and its node does not say how it ended/);

    test.each<[string, (on: Stage, pod: FullPod) => Promise<void>, object]>([
      ["before it runs", async () => undefined, { name: "Postponed", code: "NODE_LOST", message: said }],
      [
        "while it runs",
        async ({ node, namespace }, pod) => node.running(pod, namespace),
        { name: "Postponed", code: "NODE_LOST", message: said },
      ],
      [
        "while its output is read",
        async ({ node, namespace }, pod) => {
          await node.running(pod, namespace);
          await expect.poll(() => node.output.readers, SOON).toBe(1);
        },
        { name: "Postponed", code: "NODE_LOST", message: said },
      ],
      [
        "together with its Job",
        async (on, pod) => {
          await on.node.running(pod, on.namespace);
          await cluster?.call("DELETE", await jobPath(on), { propagationPolicy: "Background" });
        },
        { name: "SluiceError", code: "JOB_LOST" },
      ],
      [
        "after its Job was deleted without it",
        async (on, pod) => {
          await on.node.running(pod, on.namespace);
          await cluster?.call("DELETE", await jobPath(on), { propagationPolicy: "Orphan" });
        },
        { name: "SluiceError", code: "JOB_LOST" },
      ],
      [
        "just as its container fails",
        async ({ node, namespace }, pod) => node.ended(pod, namespace, { exitCode: 3 }),
        { name: "SluiceError", code: "PROCESS_EXIT" },
      ],
    ])("%s has an outcome, and leaves no pod", async (_, act, outcome) => {
      await using on = await stage(cluster);
      const running = on.run(contextOf({ id: "1" }, hurried), { startTimeout: "10m" });
      const pod = await on.node.pod(on.namespace);
      await act(on, pod);
      await deletePod(on, pod).catch(() => undefined);
      await expect(running).rejects.toMatchObject(outcome);
      await expect.poll(() => on.pods(), SOON).toEqual([]);
    });

    test("just as its container succeeds succeeds", async () => {
      await using on = await stage(cluster);
      const running = on.run(contextOf({ id: "1" }, hurried));
      const pod = await on.node.pod(on.namespace);
      await on.node.ended(pod, on.namespace, { exitCode: 0 });
      await deletePod(on, pod).catch(() => undefined);
      await running;
    });

    test("by force and by its finalizers goes on with the pod that its Job makes anew", async () => {
      await using on = await stage(cluster);
      const { node, namespace } = on;
      const running = on.run(contextOf({ id: "1" }, hurried), { startTimeout: "10m" });
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
      await cluster?.call("PATCH", path, { metadata: { finalizers: null } });
      await deletePod(on, pod);
      const next = await node.pod(namespace);
      expect(next.metadata.uid).not.toBe(pod.metadata.uid);
      await node.ended(next, namespace, { exitCode: 0 });
      await running;
    });
  },
);

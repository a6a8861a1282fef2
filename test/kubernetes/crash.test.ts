import { afterAll, expect, test } from "vitest";
import type { List } from "../../src/processes/kubernetes/objects.ts";
import { crashHost } from "../support/crash-host.ts";
import { startNode, type FullJob, type FullPod } from "../support/kubelet.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";

const RUNS = 20;

const PIPELINE = `
  const { KUBECONFIG_FILE: kubeconfig, NAMESPACE: namespace } = process.env;
  const resources = { requests: { cpu: "1m" } };
  orchestrator.addProcess(
    kind.kubernetesProcess({ name: "work", kubeconfig, namespace, image: "i", memory: "1MiB", resources }),
    { concurrency: ${RUNS} },
  );
`;

const { cluster, reason } = await kubernetesForTests();
afterAll(() => cluster?.close());

test.skipIf(cluster === undefined)(
  `killed with ${RUNS} Jobs running, they are found again: none is orphaned, none made twice${reason === undefined ? "" : ` (${reason})`}`,
  { timeout: 150_000 },
  async () => {
    if (cluster === undefined) return;
    const namespace = await cluster.namespace();
    const node = await startNode(cluster);
    node.output.end();
    const kubeconfig = await cluster.kubeconfig();
    await using host = await crashHost("kubernetes/index.ts", PIPELINE, () => ({
      KUBECONFIG_FILE: kubeconfig,
      NAMESPACE: namespace,
    }));
    const jobs = async (): Promise<readonly FullJob[]> =>
      (await cluster.call<List<FullJob>>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs`)).items;
    const uids = async (): Promise<string[]> => (await jobs()).map(({ metadata }) => metadata.uid).toSorted();
    const pods = async (): Promise<readonly FullPod[]> =>
      (await cluster.call<List<FullPod>>("GET", `/api/v1/namespaces/${namespace}/pods`)).items;
    const bound = async (): Promise<number> =>
      (await pods()).filter(({ spec }) => spec.nodeName === node.name).length;

    const begun = host.start(RUNS);
    await expect.poll(bound, { timeout: 60_000, interval: 300 }).toBe(RUNS);
    const before = await uids();
    expect(before).toHaveLength(RUNS);
    await begun.kill();
    // Some end while nobody looks.
    for (const pod of (await pods()).slice(0, RUNS / 2)) await node.ended(pod, namespace, { exitCode: 0 });

    const ended = host.finish();
    for (const pod of (await pods()).filter(({ status }) => status?.phase === "Pending")) {
      await node.running(pod, namespace);
      await node.ended(pod, namespace, { exitCode: 0 });
    }
    expect(await ended).toEqual([0, null]);
    expect(await uids()).toEqual(before);
    expect(await pods()).toHaveLength(RUNS);
    await node.remove();
  },
);

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { List } from "../../src/processes/kubernetes/objects.ts";
import { startNode, type FullJob, type FullPod } from "../support/kubelet.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";

const root = new URL("../../", import.meta.url).href;
const RUNS = 20;

const HOST = `
  import { Orchestrator } from "${root}src/index.ts";
  import { kubernetesProcess } from "${root}src/processes/kubernetes/index.ts";
  const { JOURNAL, KUBECONFIG_FILE, NAMESPACE, EMIT } = process.env;
  const orchestrator = new Orchestrator({ journal: JOURNAL });
  orchestrator.addInput({ name: "in", handle: ({ signal }) => new Promise((end) => signal.addEventListener("abort", end)) });
  orchestrator.addProcess(
    kubernetesProcess({ name: "work", kubeconfig: KUBECONFIG_FILE, namespace: NAMESPACE, image: "i", memory: "1MiB", resources: { requests: { cpu: "1m" } } }),
    { concurrency: ${RUNS} },
  );
  orchestrator.addLink("in", "work");
  await orchestrator.start();
  for (let id = 0; id < Number(EMIT); id++) await orchestrator.emit("in", { id });
  if (Number(EMIT) === 0) {
    await orchestrator.idle();
    await orchestrator.stop();
  } else setInterval(() => undefined, 1000);
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
    const directory = await mkdtemp(join(tmpdir(), "sluice-crash-"));
    const file = join(directory, "host.mjs");
    await writeFile(file, HOST);
    const kubeconfig = await cluster.kubeconfig();
    const begin = (emit: number): ChildProcess =>
      spawn(process.execPath, [file], {
        env: {
          ...process.env,
          JOURNAL: `sqlite:${join(directory, "journal.db")}`,
          KUBECONFIG_FILE: kubeconfig,
          NAMESPACE: namespace,
          EMIT: String(emit),
        },
        stdio: ["ignore", "ignore", "inherit"],
      });
    const jobs = async (): Promise<readonly FullJob[]> =>
      (await cluster.call<List<FullJob>>("GET", `/apis/batch/v1/namespaces/${namespace}/jobs`)).items;
    const uids = async (): Promise<string[]> => (await jobs()).map(({ metadata }) => metadata.uid).toSorted();
    const pods = async (): Promise<readonly FullPod[]> =>
      (await cluster.call<List<FullPod>>("GET", `/api/v1/namespaces/${namespace}/pods`)).items;
    const bound = async (): Promise<number> =>
      (await pods()).filter(({ spec }) => spec.nodeName === node.name).length;

    const host = begin(RUNS);
    await expect.poll(bound, { timeout: 60_000, interval: 300 }).toBe(RUNS);
    const before = await uids();
    expect(before).toHaveLength(RUNS);
    const exit = once(host, "exit");
    host.kill("SIGKILL");
    await exit;
    // Some end while nobody looks.
    for (const pod of (await pods()).slice(0, RUNS / 2)) await node.ended(pod, namespace, { exitCode: 0 });

    const next = begin(0);
    const ended = once(next, "exit");
    for (const pod of (await pods()).filter(({ status }) => status?.phase === "Pending")) {
      await node.running(pod, namespace);
      await node.ended(pod, namespace, { exitCode: 0 });
    }
    expect(await ended).toEqual([0, null]);
    expect(await uids()).toEqual(before);
    expect(await pods()).toHaveLength(RUNS);
    await node.remove();
    await rm(directory, { recursive: true });
  },
);

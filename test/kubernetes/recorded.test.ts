import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkOptions } from "../../src/model/kind.ts";
import { loadClient } from "../../src/processes/kubernetes/driver.ts";
import { kubernetesProcess, type KubernetesProcessOptions } from "../../src/processes/kubernetes/index.ts";
import { createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { recordHttp, replayHttp, type HttpPlace } from "../support/http-recording.ts";
import { startNode, type PlayedNode } from "../support/kubelet.ts";
import { kubernetesForTests, type KubernetesCluster } from "../support/kubernetes.ts";
import { KUBERNETES_VERSION } from "../support/kubernetes-programs.ts";

/**
 * What a real API server once answered, played to the process: so its protocol is tested where there is no cluster, as
 * in CI. SLUICE_RECORD=1 makes the recordings anew, with a real one. Docs: decision 0081.
 */
const FOLDER = join(import.meta.dirname, "recordings");
const isRecording = process.env["SLUICE_RECORD"] === "1";

const live = isRecording ? await kubernetesForTests() : undefined;
const cluster = live?.cluster;
if (isRecording && cluster === undefined) throw new Error(live?.reason);
afterAll(() => cluster?.close());

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-recorded-"));
  await mkdir(FOLDER, { recursive: true });
  // It takes seconds, and more on a busy machine: no recording waits for it.
  await loadClient();
}, 60_000);
afterAll(() => rm(directory, { recursive: true }));

/** The run's id must be the same each time: names are made of it. */
const UID = "01a20e58-1dcc-7aaf-a322-ef15b609f85e";

interface Scene {
  /** Each attempt is a process of its own, as after a crash. */
  attempt(options?: Partial<KubernetesProcessOptions>): {
    context: TestRunContext;
    running: Promise<unknown>;
  };
  check(): Promise<unknown>;
  /** Done only while it is recorded. */
  live(
    act: (node: PlayedNode, namespace: string, cluster: KubernetesCluster) => Promise<void>,
  ): Promise<void>;
}

async function scene(
  name: string,
  play: (scene: Scene) => Promise<void>,
  user: "admin" | "nobody" = "admin",
): Promise<void> {
  const file = join(FOLDER, `${name}.ndjson`);
  const namespace = `recorded-${name}`;
  const node = cluster && (await startNode(cluster));
  await cluster?.call("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  if (cluster !== undefined) {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default`;
    await expect
      .poll(() => cluster.call("GET", path).catch(() => undefined), { timeout: 10_000 })
      .toBeDefined();
  }
  const recorder = cluster && (await recordHttp(cluster.server, tidy));
  const place: HttpPlace = recorder ?? (await replayHttp(file));
  const kubeconfig = join(directory, name);
  const local = { server: place.server, "insecure-skip-tls-verify": true };
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: local }],
      users: [{ name: "u", user: { token: `${user}-token` } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u", namespace } }],
      "current-context": "c",
    }),
  );
  const opened: ReturnType<typeof kubernetesProcess>[] = [];
  try {
    await play({
      attempt(options = {}) {
        const own = { name: "work", image: "i", kubeconfig, killAfter: "1s", ...options };
        const made = kubernetesProcess(own);
        opened.push(made);
        const context = createRunContext({ event: { id: "1", uid: UID }, process: "work", clock: realClock });
        const running = Promise.resolve(made.run(context.event, context));
        running.catch(() => undefined);
        return { context, running };
      },
      check: async () =>
        kubernetesProcess.check?.(checkOptions(kubernetesProcess, { image: "i", kubeconfig }, "work"), {
          directory,
        }),
      async live(act) {
        if (cluster !== undefined && node !== undefined) await act(node, namespace, cluster);
      },
    });
    await recorder?.save(file, { kubernetes: KUBERNETES_VERSION });
  } finally {
    for (const made of opened) await made.close?.();
    await place.close();
    await node?.remove();
  }
}

/** Who wrote which field says nothing to us, and fills most of an object. */
function tidy(text: string): string {
  try {
    const value = JSON.parse(text, (key, inner: unknown) =>
      key === "managedFields" ? undefined : inner,
    ) as unknown;
    return JSON.stringify(value) + (text.endsWith("\n") ? "\n" : "");
  } catch {
    return text;
  }
}

const finish = (exitCode: number) => async (node: PlayedNode, namespace: string) => {
  const pod = await node.pod(namespace);
  await node.running(pod, namespace);
  node.output.write("hello");
  await expect.poll(() => node.output.readers, { timeout: 10_000 }).toBe(1);
  node.output.end();
  await node.ended(pod, namespace, { exitCode });
};
const texts = ({ lines }: TestRunContext): string[] => lines.map(({ text }) => text);

describe("as a real API server answered it, a kubernetes process", { timeout: 60_000 }, () => {
  test("makes a Job, reads its output, and takes its success; made again, the attempt finds it", () =>
    scene("success", async ({ attempt, live: act }) => {
      const { context, running } = attempt();
      await act(finish(0));
      await running;
      expect(texts(context)).toEqual(["hello"]);
      const again = attempt();
      await again.running;
      expect(texts(again.context)[0]).toMatch(
        /^found the Job sluice-[0-9a-f]{32} of this run again \(complete\)$/,
      );
    }));

  test("emits the events among its output, which breaks off meanwhile", () =>
    scene("events", async ({ attempt, live: act }) => {
      const { context, running } = attempt({ output: "stdout" });
      await act(async (node, namespace) => {
        const pod = await node.pod(namespace);
        await node.running(pod, namespace);
        node.output.write("hello");
        node.output.write('{"id":"1"}');
        await expect.poll(() => texts(context), { timeout: 10_000 }).toEqual(["hello"]);
        node.output.begin('{"id":"ha');
        node.output.cut();
        node.output.write('{"id":"2"}');
        node.output.end();
        await node.ended(pod, namespace, { exitCode: 0 });
      });
      await running;
      expect(texts(context)).toEqual(["hello"]);
      expect(context.emitted).toEqual([{ id: "1" }, { id: "2" }]);
    }));

  test("tells a failure, and makes another Job for the next attempt", () =>
    scene("failure", async ({ attempt, live: act }) => {
      const { running } = attempt();
      await act(finish(3));
      await expect(running).rejects.toMatchObject({
        code: "PROCESS_EXIT",
        message: "the container of i ended with exit code 3\nhello",
      });
      const next = attempt();
      await act(async (node, namespace) => node.ended(await node.pod(namespace), namespace, { exitCode: 0 }));
      await next.running;
    }));

  test("goes on where it was when its connections break, and begins with a list when that is forgotten (410)", () =>
    scene("forgotten", async ({ attempt, live: act }) => {
      const { context, running } = attempt();
      await act(async (node, namespace, { halt, resume }) => {
        const pod = await node.pod(namespace);
        await node.running(pod, namespace);
        await expect.poll(() => node.output.readers, { timeout: 10_000 }).toBe(1);
        await halt();
        await expect.poll(() => texts(context).join(), { timeout: 20_000 }).toContain("out of sight for now");
        await resume();
        await expect.poll(() => texts(context).join(), { timeout: 40_000 }).toContain("in sight again");
        node.output.end();
        await node.ended(pod, namespace, { exitCode: 0 });
      });
      await running;
      expect(await readFile(join(FOLDER, "forgotten.ndjson"), "utf8").catch(() => "410")).toContain("410");
    }));

  test("tells a missing right by its verb and resource, to a run and to doctor", () =>
    scene(
      "denied",
      async ({ attempt, check }) => {
        await expect(attempt().running).rejects.toMatchObject({
          name: "Postponed",
          code: "FORBIDDEN",
          holdProcess: true,
          message: expect.stringMatching(
            /may not list (jobs|pods) in the namespace "recorded-denied": .*is forbidden/,
          ),
        });
        await expect(check()).rejects.toMatchObject({
          code: "FORBIDDEN",
          message: expect.stringContaining("must also allow: create jobs, get jobs, list jobs"),
        });
      },
      "nobody",
    ));

  test("finds its rights and its options in order, without a Job", () =>
    scene("doctor", async ({ check }) => void (await check())));

  test("takes what the API server refuses for good, and does not tell secrets with it", () =>
    scene("refused", async ({ attempt }) => {
      const { running } = attempt({ env: { "not a name\u0001": "x", TOKEN: "tok-12345" } });
      const error = await running.catch((reason: unknown) => reason as Error);
      expect(error).toMatchObject({
        name: "PermanentError",
        code: "INVALID_OPTIONS",
        message: expect.stringMatching(
          /cannot create jobs .* is invalid: spec\.template\.spec\.containers\[0\]\.env/,
        ),
      });
      expect((error as Error).message).not.toContain("tok-12345");
    }));
});

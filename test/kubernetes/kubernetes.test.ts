import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { RunInfo } from "../../src/model/component.ts";
import { sleep } from "../../src/model/clock.ts";
import { SluiceError } from "../../src/model/errors.ts";
import { formatEvent } from "../../src/model/event.ts";
import { checkOptions } from "../../src/model/kind.ts";
import { connectApi } from "../../src/processes/kubernetes/api.ts";
import { findCluster } from "../../src/processes/kubernetes/driver.ts";
import { createJobStore } from "../../src/processes/kubernetes/job-store.ts";
import { readTemplate } from "../../src/processes/kubernetes/template.ts";
import { kubernetesProcess } from "../../src/processes/kubernetes/index.ts";
import { processConformance, type ProcessSubject } from "../../src/testing/processes/conformance.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { freePort } from "../../examples/support/free-port.ts";
import { guideBlocks } from "../support/guide.ts";
import { contextOf, IMAGE, SOON, stage, texts, type Stage } from "../support/kubernetes-stage.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";
import { KUBERNETES_VERSION } from "../support/kubernetes-programs.ts";

const { cluster, reason } = await kubernetesForTests();
afterAll(() => cluster?.close());

describe.skipIf(cluster === undefined)(
  `a kubernetes process, with Kubernetes ${KUBERNETES_VERSION}${reason === undefined ? "" : ` (${reason})`}`,
  { timeout: 60_000 },
  () => {
    test("is a Job whose pod has the event as a file and in its environment, and may do little", async () => {
      await using on = await stage(cluster, {
        labels: { "pod-security.kubernetes.io/enforce": "restricted" },
      });
      const { namespace, node } = on;
      const context = contextOf({ id: "$(id)", data: { x: "ä" } });
      const running = on.run(context, {
        command: ["--price", "$(PRICE)"],
        env: { PRICE: "$1", TOKEN: "tok-12345" },
        labels: { team: "gold", note: "of gold, and more" },
        serviceAccount: "default",
        tolerations: [{ key: "gold", operator: "Exists", effect: "NoExecute", seconds: 5 }],
        user: "1000:100",
      });
      const pod = await node.pod(namespace);
      node.output.write("hello tok-12345");
      await node.running(pod, namespace);
      await expect.poll(() => texts(context), SOON).toContain("hello ***");
      node.output.write("bye");
      node.output.end();
      await node.ended(pod, namespace, { exitCode: 0 });
      await running;
      expect(context.lines).toEqual([
        { stream: "stdout", text: "hello ***" },
        { stream: "stdout", text: "bye" },
      ]);

      const [job] = await on.jobs();
      expect(job?.metadata).toMatchObject({
        name: expect.stringMatching(/^sluice-[0-9a-f]{32}$/),
        labels: {
          team: "gold",
          "sluice.process": "work",
          "sluice.event": context.event.uid,
          "app.kubernetes.io/managed-by": "sluice",
        },
        annotations: { "sluice.run": context.run.id, "sluice.attempt": "1", note: "of gold, and more" },
      });
      expect(job?.spec).toMatchObject({ backoffLimit: 0, completions: 1, ttlSecondsAfterFinished: 300 });
      expect(job?.spec).not.toHaveProperty("activeDeadlineSeconds");
      const { containers, ...spec } = pod.spec as { containers: Record<string, unknown>[] };
      expect(spec).toMatchObject({
        restartPolicy: "Never",
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        tolerations: expect.arrayContaining([
          { key: "gold", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 },
        ]),
      });
      const [main] = containers as [Record<string, unknown>];
      expect(main).toMatchObject({
        name: "main",
        image: IMAGE,
        args: ["--price", "$$(PRICE)"],
        resources: {
          limits: { memory: "536870912", cpu: "1" },
          requests: { memory: "536870912", cpu: "100m" },
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          runAsUser: 1000,
          runAsGroup: 100,
          capabilities: { drop: ["ALL"] },
        },
      });
      const env = new Map(
        (main["env"] as { name: string; value: string }[]).map(({ name, value }) => [name, value]),
      );
      expect(env.get("PRICE")).toBe("$$1");
      expect(JSON.parse((env.get("SLUICE_EVENT") ?? "").replaceAll("$$", "$"))).toMatchObject({
        id: "$(id)",
      });
      expect(JSON.parse(Buffer.from(env.get("PIPELINE_EVENT") ?? "", "base64").toString())).toMatchObject({
        id: "$(id)",
        data: { x: "ä" },
      });
      expect(Object.fromEntries(env)).toMatchObject({
        SLUICE_RUN: context.run.id,
        SLUICE_ATTEMPT: "1",
        SLUICE_FENCE: "1",
        SLUICE_EVENT_UID: context.event.uid,
        SLUICE_EVENT_FILE: "/sluice/event.json",
        TRACEPARENT: context.traceparent,
      });
      expect(JSON.parse(pod.metadata.annotations?.["sluice.event-json"] ?? "")).toMatchObject({
        id: "$(id)",
      });
    });

    test("takes an event of a megabyte less a little by a ConfigMap that goes with its Job, and none beyond", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf({ id: "1", data: "x".repeat(1_000_000) });
      const running = on.run(context);
      const pod = await node.pod(namespace);
      const [job] = await on.jobs();
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const name = job?.metadata.name ?? "";
      await expect
        .poll(() => cluster?.call("GET", `${path}/${name}`).catch(() => undefined), SOON)
        .toMatchObject({
          immutable: true,
          metadata: { ownerReferences: [{ kind: "Job", uid: job?.metadata.uid }] },
          data: { "event.json": expect.stringContaining(`"data":"xxx`) },
        });
      expect(pod.spec["volumes"]).toContainEqual(
        expect.objectContaining({ configMap: expect.objectContaining({ name }) }),
      );
      expect(JSON.stringify(pod.spec)).not.toContain('SLUICE_EVENT"');
      node.output.end();
      await node.ended(pod, namespace, { exitCode: 0 });
      await running;
      await cluster?.call("DELETE", `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`, {
        propagationPolicy: "Background",
      });
      const gone = { timeout: 30_000, interval: 200 };
      await expect.poll(() => cluster?.call("GET", `${path}/${name}`).catch(() => "gone"), gone).toBe("gone");

      await expect(on.run(contextOf({ data: "x".repeat(2_000_000) }))).rejects.toMatchObject({
        name: "PermanentError",
        code: "PAYLOAD_TOO_LARGE",
      });
      expect(await on.jobs()).toEqual([]);
    });

    test.each([
      [
        { exitCode: 3, message: "bad tok-12345\n" },
        "SluiceError",
        "PROCESS_EXIT",
        /ended with exit code 3\nbad \*\*\*/,
      ],
      [{ exitCode: 75 }, "SluiceError", "PROCESS_EXIT", /exit code 75/],
      [{ exitCode: 65 }, "PermanentError", "PROCESS_EXIT", /exit code 65/],
      [{ exitCode: 137, reason: "OOMKilled" }, "SluiceError", "OUT_OF_MEMORY", /memory limit/],
      [
        {
          exitCode: 128,
          reason: "StartError",
          message: 'exec: "nothing": executable file not found in $PATH',
        },
        "PermanentError",
        "COMMAND_NOT_FOUND",
        /executable file not found/,
      ],
    ])(
      "whose container ends by %j fails accordingly; its Job is kept, and the next attempt gets another",
      async (end, name, code, message) => {
        await using on = await stage(cluster);
        const { namespace, node } = on;
        const context = contextOf();
        const options = { permanentExitCodes: [65], env: { TOKEN: "tok-12345" }, keep: "2h" };
        const running = on.run(context, options);
        const pod = await node.pod(namespace);
        node.output.end();
        await node.ended(pod, namespace, end);
        await expect(running).rejects.toMatchObject({ name, code, message: expect.stringMatching(message) });
        const [job] = await on.jobs();
        expect(job?.metadata.labels).toMatchObject({ "sluice.judged": "failed" });
        expect(job?.spec["ttlSecondsAfterFinished"]).toBe(7200);

        const again = on.run(context, options);
        const next = await node.pod(namespace);
        await node.ended(next, namespace, { exitCode: 0 });
        await again;
        expect((await on.jobs()).map(({ metadata }) => metadata.name).toSorted()).toEqual([
          job?.metadata.name,
          `${job?.metadata.name ?? ""}-2`,
        ]);
      },
    );

    test.each([
      ["PreemptionByScheduler", "PREEMPTED"],
      ["DeletionByTaintManager", "NODE_LOST"],
      ["DeletionByPodGC", "NODE_LOST"],
      ["EvictionByEvictionAPI", "EVICTED"],
      ["TerminationByKubelet", "EVICTED"],
    ])("that the cluster ended by %s is put off without the cost of an attempt, as %s", async (why, code) => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const running = on.run(contextOf(), { interruptions: 7 });
      const pod = await node.pod(namespace);
      node.output.end();
      await node.running(pod, namespace);
      const conditions = [{ type: "DisruptionTarget", status: "True", reason: why, message: "so it is" }];
      await node.say(pod, namespace, { conditions });
      await node.ended(pod, namespace, { exitCode: 143 });
      await expect(running).rejects.toMatchObject({
        name: "Postponed",
        code,
        limit: 7,
        message: expect.stringContaining(`${why}: so it is`),
      });
    });

    test("that a node evicted for what the pod itself used costs an attempt", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const running = on.run(contextOf());
      const pod = await node.pod(namespace);
      const message = 'Usage of EmptyDir volume "sluice-tmp" exceeds the limit "64Mi".';
      await node.say(pod, namespace, { phase: "Failed", reason: "Evicted", message });
      await expect(running).rejects.toMatchObject({
        name: "SluiceError",
        code: "EVICTED",
        message: expect.stringContaining("exceeds"),
      });
    });

    test("that its node refused is put off", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const refused = on.run(contextOf());
      await node.say(await node.pod(namespace), namespace, {
        phase: "Failed",
        reason: "OutOfcpu",
        message: "no room",
      });
      await expect(refused).rejects.toMatchObject({ name: "Postponed", code: "UNSCHEDULABLE" });
    });

    test("whose Job somebody deleted fails", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const running = on.run(contextOf());
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      const [job] = await on.jobs();
      await cluster?.call(
        "DELETE",
        `/apis/batch/v1/namespaces/${namespace}/jobs/${job?.metadata.name ?? ""}`,
        {
          propagationPolicy: "Background",
        },
      );
      await expect(running).rejects.toMatchObject({ name: "SluiceError", code: "JOB_LOST" });
    });

    const waiting = (reason: string, message: string): object => ({
      phase: "Pending",
      containerStatuses: [
        {
          name: "main",
          image: "i",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { waiting: { reason, message } },
        },
      ],
    });

    test.each([
      [
        "ErrImagePull",
        "rpc error: code = NotFound desc = failed to pull: enrich:1.4: not found",
        "IMAGE_UNAVAILABLE",
      ],
      [
        "ImagePullBackOff",
        'Back-off pulling image "x": ErrImagePull: pull access denied',
        "IMAGE_UNAVAILABLE",
      ],
      ["InvalidImageName", "couldn't parse image name", "IMAGE_UNAVAILABLE"],
      [
        "ErrImageNeverPull",
        'Container image "x" is not present with pull policy of Never',
        "IMAGE_UNAVAILABLE",
      ],
      [
        "CreateContainerConfigError",
        "container has runAsNonRoot and image will run as root",
        "INVALID_OPTIONS",
      ],
    ])(
      "whose pod waits for what never comes, %s, fails for good, and leaves nothing",
      async (why, message, code) => {
        await using on = await stage(cluster);
        const { namespace, node } = on;
        const running = on.run(contextOf());
        await node.say(await node.pod(namespace), namespace, waiting(why, message));
        await expect.poll(async () => (await on.jobs())[0]?.metadata.deletionTimestamp, SOON).toBeDefined();
        await node.finalize(namespace);
        await expect(running).rejects.toMatchObject({ name: "PermanentError", code });
        expect(await on.jobs()).toEqual([]);
      },
    );

    test("whose image cannot be pulled for now is put off after a while, and says why meanwhile", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { startTimeout: "3s" });
      await node.say(await node.pod(namespace), namespace, waiting("ErrImagePull", "dial tcp: i/o timeout"));
      await expect
        .poll(() => texts(context), SOON)
        .toContain("the pod waits: ErrImagePull: dial tcp: i/o timeout");
      await node.finalize(namespace);
      await expect(running).rejects.toMatchObject({ name: "Postponed", code: "UNSCHEDULABLE" });
    });

    test("for which no node has room is put off after a while, and leaves nothing", async () => {
      await using on = await stage(cluster, { cpu: "1" });
      const context = contextOf();
      const running = on.run(context, { startTimeout: "2s", resources: { requests: { cpu: "32" } } });
      await expect(running).rejects.toMatchObject({
        name: "Postponed",
        code: "UNSCHEDULABLE",
        message: expect.stringMatching(/did not start within 2s: Unschedulable: .*Insufficient cpu/),
      });
      expect(await on.jobs()).toEqual([]);
    });

    test("whose pod may not be made says why, by the cluster's events", async () => {
      await using on = await stage(cluster);
      await expect(
        on.run(contextOf(), { serviceAccount: "nobody", startTimeout: "3s" }),
      ).rejects.toMatchObject({
        name: "Postponed",
        code: "UNSCHEDULABLE",
        message: expect.stringMatching(
          /no pod was made for the Job: FailedCreate: .*serviceaccount "nobody" not found/,
        ),
      });
    });

    test("that takes too long is ended by the cluster, should sluice be gone", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = { ...contextOf(), deadline: Date.now() + 2_000 };
      const running = on.run(context);
      const pod = await node.pod(namespace);
      const [job] = await on.jobs();
      expect(job?.spec["activeDeadlineSeconds"]).toBeLessThanOrEqual(2);
      await node.running(pod, namespace);
      await node.finalize(namespace);
      await expect(running).rejects.toMatchObject({ name: "SluiceError", code: "TIMEOUT" });
    });

    test.each(["TIMEOUT", "CANCELLED"] as const)(
      "is deleted with its pod when its attempt must end: %s",
      async (code) => {
        await using on = await stage(cluster);
        const { namespace, node } = on;
        const context = contextOf();
        const running = on.run(context);
        const pod = await node.pod(namespace);
        await node.running(pod, namespace);
        await expect.poll(() => node.output.readers, SOON).toBe(1);
        context.abort(new SluiceError(code, "so it is"));
        // The pod is given its time to end, and the attempt waits for it.
        await expect.poll(async () => (await on.pods())[0]?.metadata.deletionTimestamp, SOON).toBeDefined();
        await node.finalize(namespace);
        await expect(running).rejects.toMatchObject({ code });
        expect(await on.jobs()).toEqual([]);
        expect(await on.pods()).toEqual([]);
      },
    );

    test("waits for a pod of an earlier attempt that has not ended yet, since two would be one too many", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const first = on.run(context, { killAfter: "1s" });
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      context.abort(new SluiceError("SHUTDOWN", "it stops"));
      await expect(first).rejects.toMatchObject({ code: "SHUTDOWN" });
      const next = { ...context, signal: new AbortController().signal };
      const second = on.run(next);
      await expect.poll(async () => (await on.pods())[0]?.metadata.deletionTimestamp, SOON).toBeDefined();
      expect(await on.pods()).toHaveLength(1);
      await node.finalize(namespace);
      const fresh = await node.pod(namespace);
      expect(fresh.metadata.uid).not.toBe(pod.metadata.uid);
      await node.ended(fresh, namespace, { exitCode: 0 });
      await second;
    });

    test("does its work once, though its attempt is made again after it succeeded", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const first = on.run(context);
      node.output.write("done");
      node.output.end();
      await node.ended(await node.pod(namespace), namespace, { exitCode: 0 });
      await first;
      await on.run({ ...context, attempt: 2, fence: 2 });
      expect(await on.jobs()).toHaveLength(1);
      expect(texts(context)).toContain(
        `found the Job ${(await on.jobs())[0]?.metadata.name ?? ""} of this run again (complete)`,
      );
    });

    test("reads on where its output broke off, and leaves no line out and none twice", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context);
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      node.output.write("one");
      await expect.poll(() => texts(context), SOON).toEqual(["one"]);
      node.output.cut();
      node.output.write("two");
      await expect.poll(() => texts(context), SOON).toEqual(["one", "two"]);
      node.output.write("three");
      node.output.end();
      await node.ended(pod, namespace, { exitCode: 0 });
      await running;
      expect(texts(context)).toEqual(["one", "two", "three"]);
      expect(node.output.asked.at(-1)).toContain("sinceTime=");
    });

    test("whose output cannot be read succeeds all the same, and says so", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context);
      const pod = await node.pod(namespace);
      await node.remove();
      await node.ended(pod, namespace, { exitCode: 0 });
      await running;
      expect(texts(context).join()).toContain("the pod's output could not be read");
    });

    test("is in order by the server's own word, with a template, or told what is wrong with it", async () => {
      const kubeconfig = (await cluster?.kubeconfig()) ?? "";
      const directory = await mkdtemp(join(tmpdir(), "sluice-kubernetes-"));
      const check = (options: object): Promise<unknown> | undefined =>
        kubernetesProcess.check?.(
          checkOptions(
            kubernetesProcess,
            { image: IMAGE, kubeconfig, template: "job.yaml", ...options },
            "work",
          ),
          { directory },
        );
      try {
        await writeFile(join(directory, "job.yaml"), guideBlocks("kubernetes.md")("template.yaml"));
        await expect(check({})).resolves.toBeUndefined();
        await expect(check({ namespace: "nowhere" })).rejects.toMatchObject({
          code: "SOURCE_UNAVAILABLE",
          message: expect.stringContaining('namespaces "nowhere" not found'),
        });
        await writeFile(
          join(directory, "job.yaml"),
          "{ kind: Job, apiVersion: batch/v1, spec: { template: { spec: { prioritClassName: batch } } } }",
        );
        await expect(check({})).rejects.toMatchObject({
          code: "INVALID_OPTIONS",
          message: expect.stringMatching(/unknown field "spec.template.spec.prioritClassName"/),
        });
        await expect(check({ context: "other" })).rejects.toMatchObject({
          code: "INVALID_OPTIONS",
          message: 'the kubeconfig has no context "other"',
        });
        await expect(check({ kubeconfig: "nowhere" })).rejects.toMatchObject({
          code: "INVALID_OPTIONS",
          message: expect.stringMatching(/cannot read the kubeconfig: there is no such file/),
        });
        await expect(check({ kubeconfig: undefined, inCluster: true })).rejects.toMatchObject({
          code: "INVALID_OPTIONS",
          message: expect.stringContaining("does not run in a pod"),
        });
      } finally {
        await rm(directory, { recursive: true });
      }
    });

    test.each(processConformance({ patience: 30_000, create: subject }))("$name", ({ run }) => run());

    test(
      "goes on while the API server is away, and after it has forgotten what it told",
      { timeout: 120_000 },
      async () => {
        await using on = await stage(cluster);
        const { namespace, node } = on;
        const context = contextOf();
        const running = on.run(context);
        const pod = await node.pod(namespace);
        await node.running(pod, namespace);
        await expect.poll(() => node.output.readers, SOON).toBe(1);
        await cluster?.halt();
        await expect.poll(() => texts(context).join(), { timeout: 20_000 }).toContain("out of sight for now");
        await cluster?.resume();
        node.output.end();
        await node.ended(pod, namespace, { exitCode: 0 });
        await running;
        expect(await on.jobs()).toHaveLength(1);
      },
    );

    test("is put off, with all of its process, while the API server cannot be reached", async () => {
      const port = await freePort();
      const kubeconfig = (await cluster?.kubeconfig("admin", `https://127.0.0.1:${port}`)) ?? "";
      const process = kubernetesProcess({ name: "work", image: IMAGE, kubeconfig });
      const context = contextOf();
      await expect(process.run(context.event, context)).rejects.toMatchObject({
        name: "Postponed",
        code: "SOURCE_UNAVAILABLE",
        holdProcess: true,
        message: expect.stringMatching(
          /the Kubernetes API server at https:\/\/127.0.0.1:\d+ cannot be reached \(.*ECONNREFUSED/,
        ),
      });
    });

    test("without rights is told by the verb and the resource before there is a Job", async () => {
      await using on = await stage(cluster);
      const kubeconfig = (await cluster?.kubeconfig("nobody")) ?? "";
      await expect(on.run(contextOf(), { kubeconfig })).rejects.toMatchObject({
        name: "Postponed",
        code: "FORBIDDEN",
        holdProcess: true,
        message: expect.stringMatching(
          /may not list (jobs|pods) in the namespace "test-\d+": .*a role must allow the verb "list" on "(jobs|pods)"/,
        ),
      });
      const { namespace } = on;
      await expect(
        kubernetesProcess.check?.(
          checkOptions(kubernetesProcess, { image: IMAGE, kubeconfig, namespace }, "work"),
          { directory: "/" },
        ),
      ).rejects.toMatchObject({
        code: "FORBIDDEN",
        message: expect.stringContaining(
          "create jobs, get jobs, list jobs, watch jobs, patch jobs, delete jobs, list pods, watch pods, get pods/log, create configmaps",
        ),
      });
    });
  },
);

/** The process as the suite sees it, on a node whose kubelet does with a pod what its event says. */
async function subject(): Promise<ProcessSubject> {
  const on = await stage(cluster);
  const { namespace, node } = on;
  const playing = new AbortController();
  const played = playPods(on, playing.signal);
  const kubeconfig = (await cluster?.kubeconfig()) ?? "";
  const options = {
    image: IMAGE,
    kubeconfig,
    namespace,
    nodeSelector: { node: node.name },
    permanentExitCodes: [4],
    killAfter: "1s",
  };
  const process = kubernetesProcess({ name: "work", ...options });
  const jobsOf = async (run: RunInfo): Promise<number> =>
    (await on.jobs()).filter(({ metadata }) => metadata.annotations?.["sluice.run"] === run.id).length;
  return {
    process,
    succeeds: { id: "1" },
    fails: { data: { exit: 3 } },
    never: { data: { exit: 4 } },
    lasts: { data: { lasts: true } },
    floods: { data: { floods: true } },
    effects: jobsOf,
    reattaches: {
      starts: jobsOf,
      async leave(context) {
        const api = connectApi(await findCluster({ kubeconfig, namespace, inCluster: false }, "/"));
        const { run, attempt, fence, traceparent, event } = context;
        const journal = context.journalId ?? "";
        // As the context's own process does, whatever it is called there.
        const identity = { pipeline: "test", journal, process: "work", run: run.id, attempt, fence };
        const whole = { ...identity, event: event.uid, traceparent, labels: {} };
        const checked = checkOptions(kubernetesProcess, options, "work");
        const store = createJobStore(api, whole, checked, readTemplate(checked, "/"));
        await store.findOrCreate(formatEvent(event), context);
        api.close();
      },
    },
    async close() {
      playing.abort();
      await played;
      await node.remove();
    },
  };
}

async function playPods({ namespace, node, pods }: Stage, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const pod of await pods()) {
      const { deletionTimestamp, annotations } = pod.metadata;
      if (deletionTimestamp !== undefined) await node.finalize(namespace).catch(() => undefined);
      else if (pod.spec.nodeName === node.name && pod.status?.phase === "Pending") {
        const { data } = JSON.parse(annotations?.["sluice.event-json"] ?? "{}") as {
          data?: { exit?: number; lasts?: boolean; floods?: boolean };
        };
        if (data?.floods === true) for (let line = 0; line < 50_000; line++) node.output.write("y");
        node.output.end();
        const done =
          data?.lasts === true
            ? node.running(pod, namespace)
            : node.ended(pod, namespace, { exitCode: data?.exit ?? 0 });
        // It may be deleted at this moment.
        await done.catch(() => undefined);
      }
    }
    await sleep(realClock, 100, signal);
  }
}

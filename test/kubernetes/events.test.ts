import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, test } from "vitest";
import { formatEvent } from "../../src/model/event.ts";
import type { Clock } from "../../src/model/clock.ts";
import { SluiceError } from "../../src/model/errors.ts";
import { checkOptions } from "../../src/model/kind.ts";
import { connectApi } from "../../src/processes/kubernetes/api.ts";
import { findCluster } from "../../src/processes/kubernetes/driver.ts";
import { kubernetesProcess } from "../../src/processes/kubernetes/index.ts";
import { createJobStore } from "../../src/processes/kubernetes/job-store.ts";
import { readTemplate } from "../../src/processes/kubernetes/template.ts";
import type { TestRunContext } from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { createSignal } from "../../src/testing/signal.ts";
import { guideBlocks } from "../support/guide.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";
import { contextOf, hurried, IMAGE, SOON, stage, texts, type Stage } from "../support/kubernetes-stage.ts";
import { KUBERNETES_VERSION } from "../support/kubernetes-programs.ts";

const { cluster, reason } = await kubernetesForTests();
afterAll(() => cluster?.close());

const emitted = ({ emitted: all }: TestRunContext): unknown[] => all.map(({ id }) => id);
const output = "stdout";

describe.skipIf(cluster === undefined)(
  `a Job that emits events, with Kubernetes ${KUBERNETES_VERSION}${reason === undefined ? "" : ` (${reason})`}`,
  { timeout: 60_000 },
  () => {
    test("writes them among its output: they are held until it has succeeded, and what else it says is its log", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { output });
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      node.output.write("hello");
      node.output.write('{"location":"gold","operation":"create","id":"1","data":{"x":"ä"}}');
      node.output.write('{"progress":3,"total":10,"message":"third"}');
      node.output.write(' {"id":"2"}\r');
      node.output.write('["no object"]');
      await expect.poll(() => texts(context), SOON).toEqual(["hello", "3/10 third", '["no object"]']);
      expect(context.emitted).toEqual([]);
      node.output.write(JSON.stringify({ id: "3", data: "x".repeat(1_000_000) }));
      node.output.end();
      await node.ended(pod, namespace, { exitCode: 0 });
      await running;
      expect(emitted(context)).toEqual(["1", "2", "3"]);
      expect(context.emitted[0]).toMatchObject({ location: "gold", data: { x: "ä" } });
    });

    test("writes them as the guide says", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { output });
      const script = guideBlocks("kubernetes.md")("emits.sh");
      const { stdout } = spawnSync("sh", ["-c", script], {
        encoding: "utf8",
        env: { SLUICE_EVENT_UID: "uid" },
      });
      for (const line of stdout.trim().split("\n")) node.output.write(line);
      node.output.end();
      await node.ended(await node.pod(namespace), namespace, { exitCode: 0 });
      await running;
      expect(texts(context)).toEqual(["looking at uid", "1/2"]);
      expect(context.emitted).toEqual([{ location: "gold", operation: "create", id: "17" }]);
    });

    test("emits none if it fails", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { output });
      node.output.write('{"id":"1"}');
      node.output.end();
      await node.ended(await node.pod(namespace), namespace, { exitCode: 3 });
      await expect(running).rejects.toMatchObject({ code: "PROCESS_EXIT" });
      expect(context.emitted).toEqual([]);
    });

    test("loses none and doubles none when its log breaks off, within a line too, ends early, or its clock goes back", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf({ id: "1" }, hurried);
      const running = on.run(context, { output });
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      const followed = { ...SOON, interval: 20 };
      const wanted: string[] = [];
      const write = (id: string, time?: string): void => {
        node.output.write(JSON.stringify({ id }), time);
        wanted.push(id);
      };
      for (const how of ["broken", "clean"] as const) {
        await expect.poll(() => node.output.readers, followed).toBe(1);
        const asked = node.output.asked.length;
        write(`${how} 1`);
        write(`${how} 2`, "2026-11-24T12:00:01.000000000+01:00");
        write(`${how} 3`, "2026-11-24T12:00:01.000000000+01:00");
        write(`${how} 4`, "2026-11-24T11:59:59.000000000+01:00");
        node.output.write(`log ${how}`);
        node.output.begin('{"id":"half');
        node.output.cut(how);
        await expect.poll(() => node.output.asked.length, followed).toBeGreaterThan(asked);
      }
      write("last");
      node.output.cut("clean");
      await node.ended(pod, namespace, { exitCode: 0 });
      node.output.end();
      await running;
      expect(emitted(context)).toEqual(wanted);
      expect(texts(context)).toEqual(["log broken", "log clean"]);
    });

    test("that wrote a line that is no event is dead by its number, and replayed it is another Job", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { output });
      for (const line of ["log", '{"id":"1"}', '{"level":"info"}']) node.output.write(line);
      node.output.end();
      await node.ended(await node.pod(namespace), namespace, { exitCode: 0 });
      await expect(running).rejects.toMatchObject({
        name: "PermanentError",
        code: "INVALID_EVENT",
        message: expect.stringMatching(/^line 3 of its output is no event: an event has no field "level"/),
      });
      expect(context.emitted).toEqual([]);
      expect((await on.jobs())[0]?.metadata.labels).toMatchObject({ "sluice.judged": "failed" });
    });

    test("may emit 16 MiB, and no more", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      const running = on.run(context, { output });
      for (let id = 0; id < 17; id++) {
        node.output.write(JSON.stringify({ id: `${id}`, data: "x".repeat(1024 * 1024) }));
      }
      node.output.end();
      await node.ended(await node.pod(namespace), namespace, { exitCode: 0 });
      await expect(running).rejects.toMatchObject({
        name: "PermanentError",
        message: "its output is larger than 16777216 bytes",
      });
    });

    test("whose node let go of lines that nobody read fails, and is made anew", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf({ id: "1" }, hurried);
      const running = on.run(context, { output });
      const pod = await node.pod(namespace);
      await node.running(pod, namespace);
      node.output.write("first");
      await expect.poll(() => texts(context), SOON).toEqual(["first"]);
      node.output.rotate();
      node.output.cut();
      node.output.write('{"id":"2"}', "2026-11-24T12:00:00.003000000Z");
      node.output.end();
      await node.ended(pod, namespace, { exitCode: 0 });
      await expect(running).rejects.toMatchObject({
        name: "SluiceError",
        code: "OUTPUT_LOST",
        message: expect.stringContaining("the node keeps no more"),
      });
      expect(context.emitted).toEqual([]);
      const again = on.run(context, { output });
      await node.ended(await node.pod(namespace), namespace, { exitCode: 0 });
      await again;
      expect(emitted(context)).toEqual(["2"]);
    });

    test("remembers how its log begins, for whoever finds it again: should it begin otherwise by then, it fails", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      await leave(on, context);
      const pod = await node.pod(namespace);
      node.output.write("first");
      await node.running(pod, namespace);
      const begins = `${pod.metadata.uid} 2026-11-24T12:00:00.000000001Z`;
      const watched = on.run(context, { output });
      const noted = async (): Promise<unknown> =>
        (await on.jobs())[0]?.metadata.annotations?.["sluice.log-beginning"];
      await expect.poll(noted, SOON).toBe(begins);
      // As one who comes after a crash, while the first still looks.
      node.output.rotate();
      node.output.write('{"id":"2"}');
      node.output.end();
      const finder = contextOf();
      const found = on.run({ ...finder, run: context.run, event: context.event }, { output });
      await expect.poll(() => texts(finder).join(), SOON).toContain("found the Job");
      await node.ended(pod, namespace, { exitCode: 0 });
      await expect(found).rejects.toMatchObject({ code: "OUTPUT_LOST" });
      await watched.catch(() => undefined);
    });

    test("whose pod is gone before its output was read is made anew, at no cost", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf();
      await leave(on, context);
      const pod = await node.pod(namespace);
      await node.ended(pod, namespace, { exitCode: 0 });
      const isDone = async (): Promise<unknown> =>
        (await on.jobs())[0]?.status?.conditions?.some(({ type }) => type === "Complete");
      await expect.poll(isDone, SOON).toBe(true);
      const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
      await cluster?.call("DELETE", path, { gracePeriodSeconds: 0 });
      await expect.poll(() => on.pods(), SOON).toEqual([]);
      await expect(on.run(context, { output })).rejects.toMatchObject({
        name: "Postponed",
        code: "OUTPUT_LOST",
        message: expect.stringContaining("its pod, or its node, is gone"),
      });
      expect((await on.jobs())[0]?.metadata.labels).toMatchObject({ "sluice.judged": "failed" });
    });

    test("whose output cannot be read for now waits, and is not made anew", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const context = contextOf({ id: "1" }, hurried);
      const running = on.run(context, { output });
      const pod = await node.pod(namespace);
      node.halt();
      await node.ended(pod, namespace, { exitCode: 0 });
      await expect(running).rejects.toMatchObject({ name: "Postponed", code: "SOURCE_UNAVAILABLE" });
      expect((await on.jobs())[0]?.metadata.labels).not.toHaveProperty("sluice.judged");
    });

    test("is left for the next attempt by one that is cut off while it reads", async () => {
      await using on = await stage(cluster);
      const { namespace, node } = on;
      const reading = createSignal();
      const setTimer: Clock["setTimer"] = (delay, callback) => {
        // How long the rest of the output may take, once the Job has ended.
        if (delay === 5_000) reading.set();
        return realClock.setTimer(delay, callback);
      };
      const context = contextOf({ id: "1" }, { ...realClock, setTimer });
      const running = on.run(context, { output });
      const pod = await node.pod(namespace);
      node.output.write('{"id":"1"}');
      await node.running(pod, namespace);
      await expect.poll(() => node.output.readers, SOON).toBe(1);
      // Its output goes on though it has ended: it is waited for.
      await node.ended(pod, namespace, { exitCode: 0 });
      await reading.wait();
      context.abort(new SluiceError("SHUTDOWN", "it stops"));
      await expect(running).rejects.toMatchObject({ code: "SHUTDOWN" });
      expect(context.emitted).toEqual([]);
      const next = { ...context, signal: new AbortController().signal };
      await on.run(next, { output });
      expect(emitted(context)).toEqual(["1"]);
      expect(await on.jobs()).toHaveLength(1);
    });
  },
);

/** Makes the run's Job and looks no further, as one does who dies. */
async function leave({ namespace, node }: Stage, context: TestRunContext): Promise<void> {
  const kubeconfig = (await cluster?.kubeconfig()) ?? "";
  const nodeSelector = { node: node.name };
  const checked = checkOptions(
    kubernetesProcess,
    { image: IMAGE, kubeconfig, namespace, nodeSelector, output },
    "work",
  );
  const api = connectApi(await findCluster(checked, "/"));
  const { run, attempt, fence, traceparent, event, journalId = "" } = context;
  const identity = { pipeline: "test", journal: journalId, process: "work", run: run.id, attempt, fence };
  const store = createJobStore(
    api,
    { ...identity, event: event.uid, traceparent, labels: {} },
    checked,
    readTemplate(checked, "/"),
  );
  await store.findOrCreate(formatEvent(event), context);
  api.close();
}

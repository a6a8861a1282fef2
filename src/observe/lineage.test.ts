import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKeepingLogger } from "../../test/support/logger.ts";
import { lineageFaults } from "../../test/support/openlineage.ts";
import { attemptEnded, attemptStarted } from "../engine/diagnostics.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { journalFrom } from "../journal/open.ts";
import { toEventRecord } from "../model/event.ts";
import { createFakeClock, type FakeClock } from "../testing/clock.ts";
import { exportLineage, type LineageOptions } from "./lineage.ts";
import { nameDataset } from "./lineage/dataset-names.ts";
import { runUuid, type RunEvent } from "./lineage/run-event.ts";

/** A receiver on this machine; answers what `status` says. */
class Receiver {
  readonly server: Server;
  readonly events: RunEvent[] = [];
  readonly headers: (string | undefined)[] = [];
  readonly paths: (string | undefined)[] = [];
  status = 201;
  hangs = false;
  calls = 0;

  constructor() {
    this.server = createServer((request, response) => {
      this.calls += 1;
      this.paths.push(request.url);
      this.headers.push(request.headers.authorization);
      void this.#answer(request, response);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (this.hangs) return;
    if (this.status < 300) this.events.push(JSON.parse(body) as RunEvent);
    response.writeHead(this.status).end("not now");
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}

let orchestrator: Orchestrator;
let receiver: Receiver;
let url: string;
let clock: FakeClock;
let logged: ReturnType<typeof createKeepingLogger>;

beforeEach(async () => {
  receiver = new Receiver();
  url = await receiver.listen();
  clock = createFakeClock();
  logged = createKeepingLogger();
  orchestrator = new Orchestrator({ name: "shop", journal: journalFrom("memory:") });
  const handle = ({ signal }: { signal: AbortSignal }): Promise<void> =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  orchestrator.addInput({
    name: "orders",
    handle,
    reads: ["postgres://db/shop/raw.orders", "postgres://db/shop/raw.clients"],
  });
  orchestrator.addInput({ name: "nightly", type: "cron", handle });
  orchestrator.addProcess(
    {
      name: "land",
      reads: ["kafka://b1:9092,b2:9092/prices"],
      writes: ["postgres://db/shop/clean.orders:create"],
      run: ({ data }, context) => {
        const { fail, wait } = (data ?? {}) as { fail?: string; wait?: boolean };
        if (fail !== undefined) throw new Error(fail);
        if (wait === true)
          return new Promise((resolve) => context.signal.addEventListener("abort", () => resolve()));
        context.emit({ id: 1 });
        return undefined;
      },
    },
    { retry: { attempts: 2, initial: 1 } },
  );
  orchestrator.addProcess({ name: "report", writes: ["file:/tmp/report.csv"], run: () => undefined });
  for (const [from, to] of [
    ["orders", "land"],
    ["land", "report"],
    ["nightly", "report"],
  ] as const) {
    orchestrator.addLink(from, to);
  }
  await orchestrator.start();
});
afterEach(async () => {
  await orchestrator.stop({ grace: 0 });
  receiver.server.closeAllConnections();
  receiver.server.close();
});

function lineage(options: LineageOptions = {}): ReturnType<typeof exportLineage> {
  const target = options.file === undefined ? { url, allowPrivate: true } : {};
  return exportLineage(orchestrator, { ...target, clock, logger: logged.logger, ...options });
}

async function emitted(input: string, event: object): Promise<string> {
  const { uid } = await orchestrator.emit(input, event);
  await orchestrator.settled(uid);
  return uid;
}

/** A run that begins and ends, without the engine. */
function run(id: number, outcome: "succeeded" | "failed", process = "land"): void {
  const uid = `0193c0de-0000-7000-8000-${String(id).padStart(12, "0")}`;
  const event = toEventRecord({ uid }, "orders", 0, () => uid);
  const message = { pipeline: "shop", process, run: `${uid}/${process}`, attempt: 1, event };
  attemptStarted.publish({ ...message, fence: 1, version: 1, place: () => undefined });
  const error = outcome === "failed" ? { code: "RUN_FAILED", message: "no" } : null;
  attemptEnded.publish({ ...message, outcome, duration: 1, error, final: true });
}

describe("what is told", () => {
  test("is a START and a FAIL of a run that dies without an attempt", async () => {
    orchestrator.addLink("orders", "report", { when: "data.total > 1.0" });
    const exporter = lineage();
    await emitted("orders", { data: {} });
    await exporter.close();
    expect(receiver.events.flatMap(lineageFaults)).toEqual([]);
    const failed = receiver.events.filter(({ run: { facets } }) => facets?.["errorMessage"] !== undefined);
    expect(failed.map(({ eventType, job }) => [eventType, job.name])).toEqual([["FAIL", "shop.report"]]);
    const { runId } = failed[0]?.run ?? {};
    const types = receiver.events.filter(({ run }) => run.runId === runId).map(({ eventType }) => eventType);
    expect(types).toEqual(["START", "FAIL"]);
  });

  test("is a START and a COMPLETE of each run, with what it reads and writes, valid by the published schema", async () => {
    const exporter = lineage({ namespace: "warehouse" });
    const uid = await emitted("orders", { location: "raw.orders" });
    await exporter.close();
    expect(receiver.events.flatMap(lineageFaults)).toEqual([]);
    const landed = receiver.events.filter((event) => event.job.name === "shop.land");
    expect(landed.map(({ eventType }) => eventType)).toEqual(["START", "COMPLETE"]);
    expect(landed[1]).toMatchObject({
      run: { runId: runUuid(`${uid}/land`), facets: { processing_engine: { name: "sluice" } } },
      job: { namespace: "warehouse", facets: { jobType: { processingType: "BATCH" } } },
      inputs: [
        { namespace: "postgres://db:5432", name: "shop.raw.orders" },
        { namespace: "kafka://b1:9092", name: "prices" },
      ],
      outputs: [{ namespace: "postgres://db:5432", name: "shop.clean.orders" }],
    });
  });

  test("names the table of the event where an input reads tables by a glob", async () => {
    orchestrator.addInput({
      name: "all",
      handle: async () => undefined,
      reads: ["postgres://db/shop/raw.*"],
    });
    orchestrator.addLink("all", "report");
    const exporter = lineage();
    await emitted("all", { location: "raw.clients" });
    await emitted("all", { location: "elsewhere" });
    await exporter.close();
    const starts = receiver.events.filter(({ eventType }) => eventType === "START");
    expect(starts.flatMap(({ inputs }) => inputs.map(({ name }) => name)).toSorted()).toEqual([
      "shop.raw.*",
      "shop.raw.clients",
    ]);
  });

  test("names the run that caused a run as its parent, and a moment of a schedule as its nominal time", async () => {
    const exporter = lineage();
    const uid = await emitted("orders", {});
    await emitted("nightly", { time: "2026-01-01T03:00:00.000Z" });
    await exporter.close();
    expect(receiver.events.flatMap(lineageFaults)).toEqual([]);
    const reports = receiver.events.filter(
      ({ job, eventType }) => job.name === "shop.report" && eventType === "START",
    );
    const caused = reports.find(({ run: { facets } }) => facets["parent"] !== undefined);
    const scheduled = reports.find(({ run: { facets } }) => facets["nominalTime"] !== undefined);
    expect(caused?.run.facets["parent"]).toMatchObject({
      run: { runId: runUuid(`${uid}/land`) },
      job: { namespace: "sluice", name: "shop.land" },
    });
    expect(scheduled?.run.facets).toMatchObject({
      nominalTime: { nominalStartTime: "2026-01-01T03:00:00.000Z" },
    });
    expect(scheduled?.run.facets["parent"]).toBeUndefined();
    expect(reports[0]).toMatchObject({
      inputs: [],
      outputs: [{ namespace: "file", name: "/tmp/report.csv" }],
    });
  });

  test("of a run that is tried again and dies is one START and one FAIL, with its error", async () => {
    const exporter = lineage();
    await emitted("orders", { data: { fail: "no stock" } });
    await exporter.close();
    expect(receiver.events.flatMap(lineageFaults)).toEqual([]);
    expect(receiver.events.map(({ eventType }) => eventType)).toEqual(["START", "FAIL"]);
    expect(receiver.events[1]?.run.facets["errorMessage"]).toMatchObject({
      message: expect.stringContaining("no stock"),
      programmingLanguage: "JavaScript",
    });
  });

  test("of a run that is cancelled ends with ABORT", async () => {
    const exporter = lineage();
    const { uid } = await orchestrator.emit("orders", { data: { wait: true } });
    await expect.poll(() => receiver.events.length).toBe(1);
    await orchestrator.cancel([`${uid}/land`]);
    await orchestrator.settled(uid);
    await exporter.close();
    expect(receiver.events.map(({ eventType }) => eventType)).toEqual(["START", "ABORT"]);
  });

  test("goes to the API's path with the key, or to the path that the url has", async () => {
    const exporter = lineage({ apiKey: "k-1" });
    run(1, "succeeded");
    await exporter.close();
    const other = lineage({ url: `${url}/other` });
    run(2, "succeeded");
    await other.close();
    expect(receiver.paths).toEqual(["/api/v1/lineage", "/api/v1/lineage", "/other", "/other"]);
    expect(receiver.headers).toEqual(["Bearer k-1", "Bearer k-1", undefined, undefined]);
  });

  test("can go to a file, a line each", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-lineage-"));
    try {
      const file = join(folder, "lineage.ndjson");
      const exporter = lineage({ file });
      run(1, "succeeded");
      await exporter.close();
      const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
      expect(lines.flatMap((line) => lineageFaults(JSON.parse(line)))).toEqual([]);
      expect(lines).toHaveLength(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("of ten thousand runs", () => {
  test("some are told of in a minute, what is begun is ended, and failures have a share of their own", async () => {
    const exporter = lineage({ maxRuns: 3 });
    for (let id = 0; id < 10_000; id += 1) run(id, id % 2 === 0 ? "succeeded" : "failed");
    await exporter.close();
    const types = Object.groupBy(receiver.events, ({ eventType }) => eventType);
    expect(types.START).toHaveLength(6);
    expect((types.COMPLETE?.length ?? 0) + (types.FAIL?.length ?? 0)).toBe(6);
    expect(types.FAIL?.length).toBeGreaterThanOrEqual(3);
  });

  test("the next minute has its own", async () => {
    const exporter = lineage({ maxRuns: 1 });
    run(1, "succeeded");
    run(2, "succeeded");
    await expect.poll(() => receiver.events.length).toBe(2);
    await clock.advance(60_000);
    run(3, "succeeded");
    await exporter.close();
    expect(receiver.events.map(({ eventType }) => eventType)).toEqual([
      "START",
      "COMPLETE",
      "START",
      "COMPLETE",
    ]);
  });
});

describe("a receiver that is away", () => {
  test("is tried again after a back-off, and gets all of it, in order", async () => {
    receiver.status = 503;
    const exporter = lineage();
    run(1, "succeeded");
    await expect
      .poll(() => logged.lines)
      .toEqual([expect.stringMatching(/^warn: lineage: events cannot be sent.*503/)]);
    receiver.status = 201;
    await clock.advance(1_000);
    await expect.poll(() => receiver.events.map(({ eventType }) => eventType)).toEqual(["START", "COMPLETE"]);
    await expect.poll(() => logged.lines.at(-1)).toBe("info: lineage: events are taken again");
    await exporter.close();
  });

  test("holds up nothing: beyond a thousand what comes is dropped, and said to be", async () => {
    receiver.status = 503;
    const exporter = lineage({ maxRuns: 2_000 });
    for (let id = 0; id < 1_000; id += 1) run(id, "succeeded");
    const complaint = logged.lines.find((line) => line.startsWith("error:"));
    expect(complaint).toMatch(/^error: lineage: 1 events were dropped; 1000 wait already/);
    const closed = exporter.close();
    await closed;
    expect(logged.lines.at(-1)).toMatch(/^error: lineage: \d+ events were never sent$/);
  });

  test("that does not answer is given up after ten seconds, and asked again", async () => {
    receiver.hangs = true;
    const exporter = lineage();
    run(1, "succeeded");
    await expect.poll(() => receiver.calls).toBe(1);
    await clock.advance(10_000);
    await expect
      .poll(() => logged.lines)
      .toEqual([expect.stringMatching(/^warn: lineage: .*did not answer within 10000 ms/)]);
    receiver.hangs = false;
    await clock.advance(1_000);
    await expect.poll(() => receiver.events.length).toBe(2);
    await exporter.close();
  });

  test("that refuses an event is not asked again", async () => {
    receiver.status = 422;
    const exporter = lineage();
    run(1, "succeeded");
    await exporter.close();
    expect(receiver.calls).toBe(2);
    expect(logged.lines[0]).toMatch(/^error: lineage: .* refused: .*answered 422: not now/);
  });
});

test("a private address must be allowed, and there must be one place to send to", () => {
  expect(() => lineage({ allowPrivate: false })).toThrow(/url: .*not a public address/);
  expect(() => exportLineage(orchestrator, {})).toThrow(/either a url or a file/);
  expect(() => exportLineage(orchestrator, { url, file: "x" })).toThrow(/either a url or a file/);
});

test.each([
  ["postgres://db:6432/shop/raw.orders", "postgres://db:6432", "shop.raw.orders"],
  ["postgres://db/shop/raw.orders:update", "postgres://db:5432", "shop.raw.orders"],
  ["kafka://b2:9093,b1/orders", "kafka://b2:9093", "orders"],
  ["s3://bucket/raw", "s3://bucket", "raw"],
  ["file:/data/in.csv", "file", "/data/in.csv"],
  ["raw.orders", "sluice", "raw.orders"],
])("the dataset %s is named %s and %s", (text, namespace, name) => {
  expect(nameDataset(text, "sluice")).toEqual({ namespace, name });
});

test("a run has the same UUID always, and another run another", () => {
  expect(runUuid("a/land")).toBe(runUuid("a/land"));
  expect(runUuid("a/land")).not.toBe(runUuid("b/land"));
  expect(runUuid("a/land")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { EventRow, Journey, Page } from "../../src/journal/history.ts";
import type { RunRow } from "../../src/model/run.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
let url: string;

beforeAll(async () => {
  shop = workspace(`${PIPELINE}[http]\nlisten = "127.0.0.1:0"\ntoken = "\${env:SHOP_TOKEN}"\n`);
  const { ready } = await shop.run({ env: { SHOP_TOKEN: "t0ken-of-the-shop" } });
  url = String(ready["http"]);
});
afterAll(() => shop.remove());

async function emit(data: object): Promise<string> {
  const { uid } = await shop.api<{ uid: string }>("POST", "inputs/orders/events", { data });
  return uid;
}

/** Waits until a run has come to a state. */
async function reached(run: string, state: string): Promise<void> {
  await until(async () => {
    const row = await shop.api<Partial<RunRow>>("GET", `runs/${encodeURIComponent(run)}`);
    return row.state === state;
  });
}

describe("emit", () => {
  test("prints the event's uid once it is on disk", async () => {
    expect(await shop.sluice(["emit", "orders", "--id", "42"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/),
      stderr: "",
    });
  });

  test("as JSON tells whether it was there already", async () => {
    const uid = "0193c0de-0000-7000-8000-000000000001";
    expect(await shop.json(["emit", "orders", "--uid", uid])).toEqual({ uid, duplicate: false });
    expect(await shop.json(["emit", "orders", "--uid", uid])).toEqual({ uid, duplicate: true });
    const again = await shop.sluice(["emit", "orders", "--uid", uid]);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("duplicate") });
  });

  test("every field of the event can be given", async () => {
    const { uid } = await shop.json<{ uid: string }>([
      "emit",
      "orders",
      "--location",
      "raw.orders",
      "--operation",
      "INSERT",
      "--id",
      "7",
      "--key",
      "customer-1",
      "--data",
      '{"total":9}',
    ]);
    const { event } = await shop.json<Journey>(["show", uid]);
    expect(event).toMatchObject({
      location: "raw.orders",
      operation: "create",
      id: "7",
      key: "customer-1",
      data: { total: 9 },
    });
  });

  test("the data may come from a file or stdin", async () => {
    shop.write("order.json", '{"from":"file"}');
    for (const [argument, stdin] of [
      ["@order.json", undefined],
      ["-", '{"from":"stdin"}'],
    ] as const) {
      const options = stdin === undefined ? {} : { stdin };
      const { uid } = await shop.json<{ uid: string }>(["emit", "orders", "--data", argument], options);
      const { event } = await shop.json<Journey>(["show", uid]);
      expect(event.data).toEqual({ from: stdin === undefined ? "file" : "stdin" });
    }
  });

  test("called by a child of a run, the event is caused by that run", async () => {
    const first = await emit({});
    const env = { SLUICE_RUN: `${first}/land` };
    const { uid } = await shop.json<{ uid: string }>(["emit", "orders"], { env });
    const { caused } = await shop.json<Journey>(["show", first]);
    expect(caused.map((event) => event.uid)).toContain(uid);
  });

  test.each([
    [["emit", "order"], 'there is no input "order"; did you mean "orders"?'],
    [["emit", "orders", "--operation", "upsert"], "INVALID_OPERATION"],
    [["emit", "orders", "--uid", "7"], "INVALID_EVENT"],
  ])("%j is invalid input", async (argv, message) => {
    const { code, stderr } = await shop.sluice(argv);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});

describe("reading", () => {
  test("status tells of the pipeline, its inputs and its processes", async () => {
    const status = await shop.json<Record<string, unknown>>(["status"]);
    expect(status).toMatchObject({
      pipeline: { name: "shop", state: "running", journal: { durable: true, healthy: true } },
      inputs: [{ name: "orders", type: "function", state: "running", restarts: 0, lastError: null }],
      processes: [{ name: "land" }, { name: "report" }],
    });
    expect(status).toMatchObject({ pipeline: { config: { name: "shop", http: { token: "***" } } } });
    const { stdout } = await shop.sluice(["status"]);
    expect(stdout).toMatch(/^shop is running, \d+ runs? open$/m);
    expect(stdout).toMatch(/^orders +function +running/m);
  });

  test("lists are pages with a cursor", async () => {
    await emit({});
    await emit({});
    for (const list of ["events", "runs"]) {
      const first = await shop.json<Page<EventRow | RunRow>>([list, "--limit", "1"]);
      expect(first.items).toHaveLength(1);
      const second = await shop.json<Page<EventRow | RunRow>>([
        list,
        "--limit",
        "1",
        "--cursor",
        first.next ?? "",
      ]);
      expect(second.items).not.toEqual(first.items);
      const forPeople = await shop.sluice([list, "--limit", "1"]);
      expect(forPeople.stdout.trimEnd().split("\n")).toHaveLength(2);
      expect(forPeople.stderr).toMatch(/^more: --cursor \S+\n$/);
    }
  });

  test.each([
    ["runs", "--limit", "0"],
    ["runs", "--limit", "1e9"],
    ["runs", "--state", "dying"],
    ["runs", "--event", "x"],
    ["events", "--cursor", "nonsense"],
  ])("%s %s %s is invalid input", async (...argv) => {
    const { code, stderr } = await shop.sluice(argv);
    expect(stderr).toMatch(/^error: INVALID_QUERY /);
    expect(code).toBe(2);
  });

  test("show follows an event through all stages", async () => {
    const uid = await emit({ total: 9 });
    await until(async () => {
      const { caused } = await shop.api<Journey>("GET", `events/${uid}`);
      const next = await shop.api<Page<RunRow>>("GET", `runs?event=${caused[0]?.uid ?? uid}`);
      return next.items[0]?.process === "report" && next.items[0].state === "succeeded";
    });
    const { stdout } = await shop.sluice(["show", uid]);
    expect(stdout.split("\n").map((line) => line.replace(/\d+ ms/, "n ms"))).toEqual([
      expect.stringMatching(`^unknown orders/${uid}  .*  from orders, event ${uid}$`),
      '   {"total":9}',
      "└─ land succeeded in n ms",
      expect.stringMatching(`^   └─ create enriched.orders/${uid}  \\+n ms  from land, event [0-9a-f-]{36}$`),
      '         {"landed":true}',
      "      └─ report succeeded in n ms",
      "",
    ]);
    const journey = await shop.json<Journey>(["show", uid]);
    expect(Object.keys(journey)).toEqual(["event", "runs", "caused"]);
    expect(journey.runs).toMatchObject([
      { id: `${uid}/land`, state: "succeeded", error: null, replayOf: null },
    ]);
    expect(journey.caused).toMatchObject([{ trigger: "land", cause: { runs: [`${uid}/land`] } }]);
  });

  test("show tells of a run and its attempts", async () => {
    const uid = await emit({ fail: "no stock" });
    await reached(`${uid}/land`, "dead");
    const { stdout } = await shop.sluice(["show", `${uid}/land`]);
    expect(stdout).toContain(`${uid}/land  dead after 1 attempt`);
    expect(stdout).toContain("RUN_FAILED no stock");
    expect(await shop.json(["show", `${uid}/land`])).toMatchObject({
      run: { id: `${uid}/land`, state: "dead", error: { code: "RUN_FAILED", message: "no stock" } },
      attempts: [{ attempt: 1, outcome: "failed" }],
    });
  });

  test("what is not there is told so", async () => {
    for (const id of ["0193c0de-0000-7000-8000-00000000000f", "0193c0de-0000-7000-8000-00000000000f/land"]) {
      const { code, stderr } = await shop.sluice(["show", id]);
      expect(stderr).toMatch(/^error: (EVENT|RUN)_NOT_FOUND /);
      expect(code).toBe(1);
    }
  });

  test("an event's uid in the place of a run's id is told to be one", async () => {
    const uid = await emit({});
    const { code, stderr } = await shop.sluice(["logs", uid]);
    expect(stderr).toMatch(/^error: RUN_NOT_FOUND .*; that is the uid of an event/);
    expect(code).toBe(1);
  });

  test("what data holds cannot drive the terminal of its reader", async () => {
    const hostile = "\u001b[2J\u001b]0;owned\u0007\u202e\u009b31m<b>\nline two";
    const uid = await emit({ log: hostile, fail: hostile });
    await reached(`${uid}/land`, "dead");
    for (const argv of [
      ["logs", `${uid}/land`],
      ["show", uid],
      ["show", `${uid}/land`],
      ["events"],
      ["runs"],
      ["logs", `${uid}/land`, "--json"],
    ]) {
      const { code, stdout } = await shop.sluice(argv);
      expect(code).toBe(0);
      expect(stdout).toContain("\\u001b[2J");
      expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202e]/u);
    }
  });

  test("logs are NDJSON with --json", async () => {
    const uid = await emit({ log: "hello" });
    await reached(`${uid}/land`, "succeeded");
    const { stdout } = await shop.sluice(["logs", `${uid}/land`, "--json"]);
    const rows = stdout.trimEnd().split("\n");
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual([
      { time: expect.any(String), attempt: 1, stream: "log", text: "hello" },
    ]);
    expect((await shop.sluice(["logs", `${uid}/land`])).stdout).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} #1 log +hello\n$/,
    );
  });

  test("a run that logged nothing is told so, and not on stdout", async () => {
    const uid = await emit({});
    await reached(`${uid}/land`, "succeeded");
    const { code, stdout, stderr } = await shop.sluice(["logs", `${uid}/land`]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "",
      stderr: `${uid}/land has logged nothing\n`,
    });
  });

  test("a reader that leaves early is no error", async () => {
    for (let index = 0; index < 5; index++) await emit({ log: "x".repeat(1_000) });
    const script = `"$0" ${JSON.stringify(new URL("../../src/cli/main.ts", import.meta.url).pathname)} events --json --limit 1000 | head -c 1`;
    const child = spawn("bash", ["-o", "pipefail", "-c", script, process.execPath], { cwd: shop.folder });
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    child.stdout.resume();
    const [code] = (await once(child, "close")) as [number];
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("steering", () => {
  test("a dead run is replayed by its id", async () => {
    const uid = await emit({ fail: "no" });
    await reached(`${uid}/land`, "dead");
    const replayed = await shop.json(["replay", `${uid}/land`]);
    expect(replayed).toEqual({
      matched: 1,
      replayed: 1,
      runs: [{ id: `${uid}/land`, ok: true, run: `${uid}/land` }],
    });
  });

  test("many are counted first, then replayed", async () => {
    const uid = await emit({ fail: "no" });
    await reached(`${uid}/land`, "dead");
    const filter = ["replay", "--state", "dead", "--process", "land", "--event", uid];
    expect(await shop.sluice([...filter, "--dry-run"])).toMatchObject({
      code: 0,
      stdout: "1 run would be replayed\n",
    });
    expect(await shop.json(filter)).toEqual({ matched: 1, replayed: 1 });
    expect(await shop.json([...filter.slice(0, 3), "--process", "report"])).toEqual({
      matched: 0,
      replayed: 0,
    });
  });

  test("a run is cancelled, and not twice; the others are all the same", async () => {
    const [first, second] = [await emit({ wait: true }), await emit({ wait: true })];
    expect(await shop.sluice(["cancel", `${first}/land`])).toMatchObject({
      code: 0,
      stdout: `${first}/land is cancelled\n`,
    });
    await reached(`${first}/land`, "cancelled");
    const { code, stdout, stderr } = await shop.sluice([
      "cancel",
      `${first}/land`,
      `${second}/land`,
      "--json",
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: RUN_STATE /);
    expect(JSON.parse(stdout)).toMatchObject({
      cancelled: 1,
      runs: [
        { id: `${first}/land`, ok: false, why: "state" },
        { id: `${second}/land`, ok: true },
      ],
    });
  });

  test("inputs and processes are paused and resumed", async () => {
    for (const name of ["orders", "land"]) {
      expect(await shop.sluice(["pause", name])).toMatchObject({ code: 0, stdout: `${name} is paused\n` });
    }
    await until(async () => {
      const { stdout } = await shop.sluice(["status"]);
      return /^orders +function +paused/m.test(stdout) && /^land +function +paused/m.test(stdout);
    });
    for (const name of ["orders", "land"]) {
      expect(await shop.sluice(["resume", name])).toMatchObject({ code: 0, stdout: `${name} is resumed\n` });
    }
    expect(await shop.sluice(["pause", "lnd"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean "land"?'),
    });
  });
});

describe("by its URL", () => {
  test("the token is needed, from the option or the environment", async () => {
    const refused = await shop.sluice(["runs", "--url", url]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("UNAUTHORIZED") });
    const wrong = await shop.sluice(["runs", "--url", url, "--token", "wrong"]);
    expect(wrong.code).toBe(1);
    expect((await shop.sluice(["runs", "--url", url, "--token", "t0ken-of-the-shop"])).code).toBe(0);
    expect(
      (await shop.sluice(["runs", "--url", url], { env: { SLUICE_TOKEN: "t0ken-of-the-shop" } })).code,
    ).toBe(0);
  });

  test("what answers but is no pipeline is told apart", async () => {
    const { createServer } = await import("node:http");
    const server = createServer((_, response) => response.end("hello"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as { port: number };
    const { code, stderr } = await shop.sluice(["runs", "--url", `http://127.0.0.1:${port}`]);
    server.close();
    expect(stderr).toMatch(/^error: NETWORK .*not as a sluice pipeline does/);
    expect(code).toBe(1);
  });
});

test("colours are only for terminals", async () => {
  const { stdout } = await shop.sluice(["status"], { env: { CI: "1", FORCE_COLOR: "1", NO_COLOR: "1" } });
  expect(stdout).not.toContain("\u001b");
});

test("status tells an error whole: one that is long in lines of its own", async () => {
  const failing = workspace();
  onTestFinished(() => failing.remove());
  const message = `${"the warehouse does not answer, ".repeat(5)}\nstart it`;
  failing.write("orders.ts", `export default () => { throw new Error(${JSON.stringify(message)}); };`);
  const { stop } = await failing.run();
  let status = "";
  await until(async () => {
    status = (await failing.sluice(["status"])).stdout;
    return /^orders +function .* RUN_FAILED \(below\)$/m.test(status);
  });
  expect(status).toContain(`\n\norders: RUN_FAILED ${message.replace("\n", "\n  ")}\n`);
  await stop();
});

import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Journey, Page } from "../../src/journal/history.ts";
import type { RunRow } from "../../src/model/run.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
let journal: string;
let dead: string;
let done: string;

/** A pipeline that ran, and was stopped: one event failed, one went through. */
beforeAll(async () => {
  shop = workspace(PIPELINE);
  journal = join(shop.folder, ".sluice/journal.db");
  const running = await shop.run();
  const emit = async (data: object): Promise<string> =>
    (await shop.api<{ uid: string }>("POST", "inputs/orders/events", { data })).uid;
  dead = `${await emit({ fail: "no", log: "tried" })}/land`;
  done = `${await emit({})}/land`;
  await until(async () => {
    const { items } = await shop.api<Page<RunRow>>("GET", "runs");
    return items.length === 3 && items.every((run) => run.state === "dead" || run.state === "succeeded");
  });
  expect(await running.stop()).toMatchObject({ code: 0 });
});
afterAll(() => shop.remove());

test("the socket is gone with its owner", () => {
  expect(existsSync(`${journal}.sock`)).toBe(false);
  expect(existsSync(journal)).toBe(true);
});

test("what happened can be read all the same, and nothing is written for it", async () => {
  const before = readFileSync(journal);
  const { items } = await shop.json<Page<RunRow>>(["runs", "--state", "dead"]);
  expect(items.map((run) => run.id)).toEqual([dead]);
  const journey = await shop.json<Journey>(["show", done.slice(0, 36)]);
  expect(journey.caused).toHaveLength(1);
  expect((await shop.sluice(["show", done.slice(0, 36)])).stdout).toContain("report succeeded");
  expect((await shop.sluice(["logs", dead])).stdout).toContain("tried");
  expect((await shop.json<Page<object>>(["events"])).items).toHaveLength(3);
  expect(readFileSync(journal).equals(before)).toBe(true);
});

test("its status is that it is stopped", async () => {
  expect(await shop.json(["status"])).toMatchObject({
    pipeline: { name: "shop", state: "stopped", openRuns: 0 },
    inputs: [{ name: "orders", state: "stopped" }],
    processes: [
      { name: "land", state: "stopped", runs: { dead: 1, succeeded: 1 } },
      { name: "report", state: "stopped", runs: { succeeded: 1 } },
    ],
  });
});

test("by its journal alone it can be read too", async () => {
  for (const location of [journal, `sqlite:${journal}`]) {
    const { items } = await shop.json<Page<RunRow>>(["runs", "--journal", location]);
    expect(items).toHaveLength(3);
  }
  const { stdout } = await shop.sluice(["status", "--journal", journal]);
  expect(stdout).toMatch(/^orders +unknown +stopped/m);
  expect(stdout).toMatch(/^land +unknown +stopped/m);
});

test("nothing takes an event", async () => {
  const { code, stdout, stderr } = await shop.sluice(["emit", "orders"]);
  expect(stderr).toBe('error: NOT_RUNNING the pipeline is stopped; start it with "sluice run"\n');
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
});

test("a dead run can be cancelled or replayed only as its state allows", async () => {
  const cancelled = await shop.sluice(["cancel", dead]);
  expect(cancelled).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: RUN_STATE /) });
});

test("what is replayed and paused meanwhile holds once the pipeline runs again", async () => {
  expect(await shop.json(["replay", "--state", "dead", "--dry-run"])).toEqual({ matched: 1, replayed: 0 });
  expect(await shop.json(["pause", "orders"])).toMatchObject({ name: "orders" });
  expect(await shop.json(["replay", dead])).toMatchObject({ matched: 1, replayed: 1 });
  expect(await shop.json(["runs", "--event", dead.slice(0, 36)])).toMatchObject({
    items: [{ id: dead, state: "queued" }],
  });

  const running = await shop.run();
  await until(async () => {
    const { items } = await shop.api<Page<RunRow>>("GET", `runs?event=${dead.slice(0, 36)}`);
    return items[0]?.state === "dead";
  });
  const { stdout } = await shop.sluice(["status"]);
  expect(stdout).toMatch(/^orders +function +paused/m);
  await running.stop();
  expect((await shop.sluice(["resume", "orders"])).code).toBe(0);
});

test("what is not there is told so, as for a pipeline that runs", async () => {
  expect((await shop.sluice(["pause", "lnd"])).code).toBe(2);
  expect((await shop.sluice(["replay", "0193c0de-0000-7000-8000-00000000000f/land"])).code).toBe(1);
  expect((await shop.sluice(["runs", "--cursor", "nonsense"])).code).toBe(2);
});

test("a journal that is none is damaged, and left as it is", async () => {
  const broken = join(shop.folder, "broken.db");
  writeFileSync(broken, "this is no journal, and never was one".repeat(200));
  const { code, stderr } = await shop.sluice(["runs", "--journal", broken]);
  expect(stderr).toMatch(/^error: JOURNAL_(DAMAGED|UNSUPPORTED) /);
  expect(code).toBe(1);
  expect(statSync(broken).size).toBe(37 * 200);
});

test("a command on a pipeline that died does not hide its death from the next start", async () => {
  const deadly = workspace(PIPELINE);
  try {
    deadly.write("land.ts", "export default () => process.exit(9);");
    const running = await deadly.run();
    await deadly.sluice(["emit", "orders"]);
    expect(await running.ended).toMatchObject({ code: 9 });
    expect(await deadly.sluice(["pause", "report"])).toMatchObject({ code: 0 });
    const again = await deadly.sluice(["run"]);
    expect(again.stderr).toContain("the last stop was not clean");
    expect(again.code).toBe(9);
  } finally {
    await deadly.remove();
  }
});

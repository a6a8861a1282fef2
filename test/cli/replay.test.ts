import { afterAll, beforeAll, expect, test } from "vitest";
import type { Page } from "../../src/journal/history.ts";
import type { RunRow } from "../../src/model/run.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

const LATE = `
[[process]]
name = "late"
type = "function"
module = "./report.ts"
on = "orders"
`;

let shop: Workspace;
const uids: string[] = [];

/** Events that went through, a dead one among them; then the pipeline was stopped, and got another process. */
beforeAll(async () => {
  shop = workspace(PIPELINE);
  const running = await shop.run();
  for (const [id, data] of Object.entries([{}, {}, { fail: "no customer" }])) {
    const event = { location: "raw.orders", id, data };
    uids.push((await shop.api<{ uid: string }>("POST", "inputs/orders/events", event)).uid);
  }
  await until(async () => {
    const { items } = await shop.api<Page<RunRow>>("GET", "runs");
    return items.length === 5 && items.every((run) => run.finishedAt !== null);
  });
  await running.stop();
  shop.write("sluice.toml", PIPELINE + LATE);
}, 60_000);
afterAll(() => shop.remove());

async function stateOf(run: string): Promise<string | undefined> {
  return (await shop.api<Partial<RunRow>>("GET", `runs/${encodeURIComponent(run)}`)).state;
}

test("events are listed by what they say of themselves", async () => {
  const listed = async (...argv: string[]): Promise<number> =>
    (await shop.json<Page<object>>(["events", ...argv])).items.length;
  expect(await listed("--location", "raw.orders")).toBe(3);
  expect(await listed("--key", "raw.orders/1")).toBe(1);
  expect(await listed("--input", "orders", "--until", "2026-01-01")).toBe(0);
});

test("events of the past are sent to a process of a stopped pipeline, and done once it runs", async () => {
  const argv = ["replay", "--events", "--input", "orders", "--to", "late"];
  const preview = await shop.sluice([...argv, "--dry-run"]);
  expect(preview.stdout).toContain(`3 events would go to late\n  ${uids[0]}\n`);
  expect(preview.stderr).toContain("leave --dry-run away");
  const report = { matched: 2, replayed: 2, samples: uids.slice(1) };
  await shop.json([...argv, "--key", "raw.orders/0"]);
  expect(await shop.json([...argv, "--rate", "1000/s"])).toEqual(report);
  const running = await shop.run();
  await until(async () => (await stateOf(`${uids[2]}/late`)) === "succeeded");
  expect((await shop.sluice(argv)).stdout).toBe("0 of 0 events sent to late\n");
  expect(await shop.json([...argv, "--again", "--location", "raw.orders"])).toMatchObject({ replayed: 3 });
  await until(async () => (await stateOf(`${uids[0]}/late~1`)) === "succeeded");
  await running.stop();
}, 60_000);

test("a run is replayed with another payload, from a file, and the event stays as it was", async () => {
  shop.write("mended.json", '{"mended":true}');
  const running = await shop.run();
  const run = `${uids[2]}/land`;
  const answer = await shop.json<object>(["replay", run, "--data", "@mended.json"]);
  expect(answer).toMatchObject({ replayed: 1, runs: [{ run: `${run}~1` }] });
  await until(async () => (await stateOf(`${run}~1`)) === "succeeded");
  expect(await stateOf(run)).toBe("dead");
  const { event } = await shop.api<{ event: { data: unknown } }>("GET", `events/${uids[2]}`);
  expect(event.data).toEqual({ fail: "no customer" });
  const dead = await shop.sluice(["replay", "--state", "dead", "--input", "orders", "--rate", "100/s"]);
  expect(dead.stdout).toBe("1 of 1 run replayed\n");
  await running.stop();
}, 60_000);

test.each([
  [["replay"], "say what to replay"],
  [["replay", "--events"], "--to NAME"],
  [["replay", "--events", "--to", "late"], "say which events"],
  [["replay", "--events", "--to", "late", "--since", "soon"], "--since must be a time"],
  [["replay", "--events", "--state", "dead"], "but not both"],
  [["replay", "x/y", "--state", "dead"], "but not both"],
  [["replay", "x/y", "--dry-run"], "--dry-run says nothing beside ids of runs"],
  [["replay", "x/y", "--to", "late"], "--to says nothing beside ids of runs"],
  [["replay", "--state", "dead", "--key", "k"], "--key says nothing beside --state"],
  [["replay", "--state", "dead", "--rate", "fast"], "is not a rate"],
  [["replay", "x/y", "x/z", "--data", "{}"], "are for one run"],
  [["replay", "x/y", "--data", "{"], "--data is not JSON"],
  [["replay", "x/y", "--data", "@nowhere.json"], "nowhere.json cannot be read"],
  [["replay", "--events", "--input", "orders", "--to", "lat"], 'did you mean "late"'],
])("sluice %j is refused with the reason", async (argv, part) => {
  const { code, stdout, stderr } = await shop.sluice(argv);
  expect(stderr).toContain(part);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

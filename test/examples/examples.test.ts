import { execFileSync, spawnSync } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { LedgerEntry } from "../../examples/orders/ledger.ts";
import { createPool } from "../../src/postgres/index.ts";
import { ensureBuilt } from "../support/dist.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { postgresForTests } from "../support/postgres.ts";
import { EXAMPLES, shownIn, start, steady, type Started } from "./run.ts";

const DATA = join(EXAMPLES, "orders/.data");
const SLOW = 120_000;

// Examples import "sluice", as their readers do: that is what was built.
beforeAll(ensureBuilt, SLOW);

describe("minimal", () => {
  test("prints what its README says", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "sluice-minimal-"));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const [shown = ""] = await shownIn("minimal/README.md");
    const { code, stdout, stderr } = await start("minimal/main.ts", [], { cwd, input: "Ada\nGrace\n" }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(shown);
  });
});

const { server, reason } = await postgresForTests();
await server?.stop();

describe.skipIf(server === undefined)(`orders${reason === undefined ? "" : ` (${reason})`}`, () => {
  test("ends as its README says", { timeout: SLOW }, async () => {
    const [shown = ""] = await shownIn("orders/README.md");
    const { code, stdout, stderr } = await orders("--orders", "200").ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("reported") });
    expect(steady(stdout)).toBe(steady(shown));
  });

  test("comes to the same end if the pipeline is killed halfway", { timeout: SLOW }, async () => {
    const [shown = ""] = await shownIn("orders/README.md");
    const { code, stdout, stderr } = await orders("--orders", "200", "--kill").ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("kill -9") });
    expect(goldTable(stdout)).toBe(goldTable(shown));
  });

  test("through a topic, and killed halfway, agrees with the ledger", { timeout: SLOW }, async ({ skip }) => {
    const { kafka, reason: missing } = await kafkaForTests();
    if (kafka === undefined) return skip(missing);
    await kafka.stop();
    const { code, stdout } = await orders("--orders", "200", "--kill", "--kafka").ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/✓ (\d+) taken, \1 landed/);
    expect(stdout).toMatch(/update orders\/order-\S+ .+ from orders, event/);
  });

  test("fails, and says where, if the ledger knows of other orders", { timeout: SLOW }, async () => {
    const running = orders("--orders", "200");
    await vi.waitUntil(() => running.said().includes("starting the shop"), { timeout: 30_000 });
    const entry = await vi.waitUntil(aChangedOrder, { timeout: 30_000, interval: 20 });
    await appendFile(join(DATA, "ledger.jsonl"), `${JSON.stringify({ ...entry, total: "1000000.00" })}\n`);
    const { code, stdout } = await running.ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ \d+ rows of totals, 1 of them differ\n +\S+ \w+ \w+: ledger \d+ orders/);
  });

  test("refuses to run twice at a time", { timeout: SLOW }, async () => {
    const first = orders("--orders", "100000");
    await vi.waitUntil(() => first.said().includes("landed"), { timeout: 30_000 });
    const { code, stderr } = await orders("--orders", "1").ended;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("does the example run already?"),
    });
    first.child.kill("SIGINT");
    await first.ended;
  });

  test.each([
    ["interrupted", "SIGINT", 130],
    ["told to end", "SIGTERM", 130],
    ["killed", "SIGKILL", null],
  ] as const)("leaves no process behind when it is %s", { timeout: SLOW }, async (_, signal, expected) => {
    const running = orders("--orders", "100000");
    await vi.waitUntil(() => running.said().includes("landed"), { timeout: 30_000 });
    const others = await companions(running);
    expect(others.length).toBeGreaterThanOrEqual(3);
    running.child.kill(signal);
    const { code } = await running.ended;
    expect(code).toBe(expected);
    await vi.waitUntil(() => !others.some(isAlive), { timeout: 20_000 });
  });
});

describe.skipIf(server === undefined)(`stadium${reason === undefined ? "" : ` (${reason})`}`, () => {
  test("ends as its README says", { timeout: SLOW }, async () => {
    const [shown = ""] = await shownIn("stadium/README.md");
    const { code, stdout, stderr } = await stadium().ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^144 readings .+\n$/) });
    expect(stdout.trim()).toBe(shown.trim());
  });

  test(
    "fails, and says where, if the reporting table says what no sensor knows",
    { timeout: SLOW },
    async () => {
      const running = stadium("--readings", "1000");
      const [url] = await vi.waitUntil(() => /postgres:\S+/.exec(running.said()), { timeout: 30_000 });
      await using reporting = await createPool({ connectionString: url });
      const forged = "update rain_by_hour set millimetres = millimetres + 1 where stadium = 'Wembley'";
      await vi.waitUntil(async () => (await reporting.query(forged)).rowCount, { interval: 20 });
      const { code, stdout } = await running.ended;
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /✗ 84 hours of rain, 1 of them differ\n +Wembley \S+ \S+ sensors .+; report .+\n$/,
      );
    },
  );

  test.each(["0", "many"])("does not take %s for a number of readings", async (readings) => {
    const { code, stderr } = await stadium("--readings", readings).ended;
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("a whole number above 0") });
  });
});

function stadium(...args: string[]): Started {
  return start("stadium/main.ts", args);
}

function orders(...args: string[]): Started {
  const started = start("orders/main.ts", args);
  onTestFinished(async () => {
    started.child.kill("SIGKILL");
    await started.ended;
  });
  return started;
}

function goldTable(output: string): string {
  return /^The gold table[^]*?\n\n/m.exec(output)?.[0] ?? "";
}

/** The second version of a valid order; told so long ago that no other call of it is under way. */
async function aChangedOrder(): Promise<LedgerEntry | undefined> {
  const ledger = await readFile(join(DATA, "ledger.jsonl"), "utf8").catch(() => "");
  return ledger
    .split("\n")
    .slice(0, -40)
    .map((line) => JSON.parse(line) as LedgerEntry)
    .find(({ version, flaw, uid }) => version === 2 && flaw === null && uid !== null);
}

/** Pipeline, shop, PostgreSQL and the guard of that: all that runs because the example does. */
async function companions({ child }: Started): Promise<number[]> {
  const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(child.pid)], { encoding: "utf8" });
  // As root below a closed home its data is elsewhere; the guard that ends it is among the children then, too.
  const server = await readFile(join(DATA, "postgres/data/postmaster.pid"), "utf8").catch(() => "");
  return [...children.split("\n"), server.split("\n")[0]].map(Number).filter((pid) => pid > 0);
}

/** A process that has ended, and that nobody has asked about, is listed still: as a zombie. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

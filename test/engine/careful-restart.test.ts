import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi, type TestContext } from "vitest";
import type { AttemptRow, RunRow } from "../../src/model/run.ts";
import { journalFrom } from "../../src/journal/open.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";

/** Each life is a process of its own: on a busy machine that takes its time. */
vi.setConfig({ testTimeout: 60_000 });

const FIXTURE = fileURLToPath(new URL("fixtures/crashing.ts", import.meta.url));

interface Host {
  readonly journal: string;
  readonly ledger: string;
}

function createHost({ onTestFinished }: TestContext): Host {
  const folder = mkdtempSync(join(tmpdir(), "sluice-careful-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { journal: join(folder, "journal.db"), ledger: join(folder, "ledger") };
}

function start({ journal, ledger }: Host, deed: string, events = "", nodeOptions: string[] = []) {
  const argv = [...nodeOptions, FIXTURE, journal, ledger, deed, events];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "ignore", "ignore"] });
  return { child, ended: once(child, "close") as Promise<[number | null, NodeJS.Signals | null]> };
}

/** Starts it again and again until it ends well. Answers how often it died. */
async function countDeaths(
  host: Host,
  deed: string,
  events: string,
  nodeOptions: string[] = [],
): Promise<number> {
  for (let deaths = 0; deaths < 10; deaths += 1) {
    const [code] = await start(host, deed, deaths === 0 ? events : "", nodeOptions).ended;
    if (code === 0) return deaths;
  }
  throw new Error("it dies for ever");
}

function readLedger({ ledger }: Host): string[] {
  return existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").filter(Boolean) : [];
}

/** What the journal says of each event, by the event's id. */
async function readRuns({ journal }: Host): Promise<Map<string, RunRow & { tries: readonly AttemptRow[] }>> {
  const orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${journal}`) });
  await orchestrator.start();
  const runs = new Map<string, RunRow & { tries: readonly AttemptRow[] }>();
  const { items } = await orchestrator.history.runs({ limit: 1_000 });
  for (const run of items) {
    const event = await orchestrator.history.event(run.event);
    runs.set(event?.id ?? "?", { ...run, tries: await orchestrator.history.attempts(run.id) });
  }
  await orchestrator.stop();
  return runs;
}

describe("a run that ends its host", () => {
  const neighbours = [
    "slow1",
    "slow2",
    "quick1",
    "slow3",
    "quick2",
    "slow4",
    "quick3",
    "quick4",
    "quick5",
    "quick6",
  ];
  const events = [...neighbours.slice(0, 3), "killer", ...neighbours.slice(3)].join(",");

  test.for<[string, string[]]>([
    ["exit", []],
    ["abort", []],
    ["memory", ["--max-old-space-size=32"]],
  ])(
    "by %s is set aside after exactly three deaths; its neighbours are charged nothing, and the rest finishes",
    async ([deed, nodeOptions], context) => {
      const host = createHost(context);
      expect(await countDeaths(host, deed, events, nodeOptions)).toBe(3);
      const ledger = readLedger(host);
      expect(ledger.filter((line) => line.startsWith("begin killer"))).toHaveLength(3);
      // The second and the third time it ran alone.
      expect(ledger.filter((line) => line.startsWith("begin killer")).slice(1)).toEqual([
        "begin killer 1",
        "begin killer 1",
      ]);
      for (const id of neighbours) {
        expect(ledger).toContain(`end ${id}`);
        expect(ledger.filter((line) => line.startsWith(`begin ${id} `)).length).toBeLessThanOrEqual(2);
      }
      const runs = await readRuns(host);
      expect(runs.get("killer")).toMatchObject({ state: "dead", error: { code: "CRASHED_HOST" } });
      for (const id of neighbours)
        expect(runs.get(id), id).toMatchObject({ state: "succeeded", attempts: 1 });
    },
  );

  test("is told from another such run: each is set aside for its own deaths, and can be replayed once it is mended", async (context) => {
    const host = createHost(context);
    expect(await countDeaths(host, "throw", "slow1,killer1,quick1,killer2,slow2")).toBe(5);
    const runs = await readRuns(host);
    for (const id of ["killer1", "killer2"]) {
      expect(runs.get(id)).toMatchObject({ state: "dead", error: { code: "CRASHED_HOST" } });
    }
    for (const id of ["slow1", "quick1", "slow2"]) {
      expect(runs.get(id)).toMatchObject({ state: "succeeded", attempts: 1 });
    }
    await replayMended(host, runs.get("killer1") as RunRow);
  });

  async function replayMended(host: Host, killer: RunRow): Promise<void> {
    const orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${host.journal}`) });
    let done = 0;
    orchestrator.addInput({ name: "source", handle: async () => undefined });
    orchestrator.addProcess({ name: "work", run: () => void (done += 1) });
    await orchestrator.start();
    await orchestrator.replay([killer.id]);
    expect(await orchestrator.settled(killer.event)).toMatchObject([{ state: "succeeded" }]);
    expect(done).toBe(1);
    await orchestrator.stop();
  }
});

describe("a run that was only there when its host died", () => {
  test("is charged nothing, however often the host is killed while it runs on", async (context) => {
    const host = createHost(context);
    for (let life = 1; life <= 4; life += 1) {
      const { child, ended } = start(host, "wait", life === 1 ? "endless1,endless2" : "");
      await until(host, (ledger) => ledger.filter((line) => line === "waiting").length === life);
      child.kill("SIGKILL");
      await ended;
    }
    const runs = await readRuns(host);
    for (const id of ["endless1", "endless2"]) {
      expect(runs.get(id)).toMatchObject({ state: "queued", attempts: 0, error: null });
      expect(readLedger(host).filter((line) => line.startsWith(`begin ${id} `))).toHaveLength(4);
    }
  });
});

test("after a clean stop nothing is suspected: runs start as many at a time as they may", async (context) => {
  const host = createHost(context);
  const ids = Array.from({ length: 8 }, (_, i) => `slow${i}`);
  const { ended } = start(host, "exit", ids.join(","));
  expect((await ended)[0]).toBe(0);
  const most = Math.max(...readLedger(host).map((line) => Number(line.split(" ")[2] ?? 0)));
  expect(most).toBe(8);
});

/** Waits until the ledger says so; fails after ten seconds. */
async function until(host: Host, condition: (ledger: string[]) => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while (!condition(readLedger(host))) {
    if (deadline.aborted) throw new Error(`the ledger never said so: ${readLedger(host).join(", ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

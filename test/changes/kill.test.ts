import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCaller, type Caller } from "../../src/client/caller.ts";
import type { VersionIndex } from "../../src/config/versions.ts";
import { openHistory } from "../../src/journal/sqlite/open-history.ts";
import { overSocket } from "../../src/cli/transport.ts";
import type { Page } from "../../src/journal/history.ts";
import type { VersionDetail, VersionRow } from "../../src/model/pipeline-plan.ts";
import type { AttemptRow, RunRow } from "../../src/model/run.ts";
import { until, workspace, type Workspace } from "../support/cli.ts";

/** What there is only in one of two versions, beside a process that is another one in each. */
const textOf = (which: "a" | "b"): string => `name = "shop"
managed_by = "api"
grace = "1s"
[[input]]
name = "orders"
type = "function"
module = "./orders.ts"
[[process]]
name = "land"
type = "function"
module = "./${which}.ts"
on = "orders"
[[process]]
name = "only-${which}"
type = "function"
module = "./${which}.ts"
on = "orders"
`;

/** Writes down which run it did, and as what. */
const MODULE = (which: string): string => `import { appendFileSync } from "node:fs";
export default async (_, { run, attempt }) => {
  await new Promise((resolve) => setTimeout(resolve, 2));
  appendFileSync("ledger", run.id + " " + attempt + " ${which}\\n");
};`;

/** When it is killed: the apply was only just sent, its version has become durable, it was answered. */
const MOMENTS = ["sent", "durable", "answered", "sent", "durable", "durable"] as const;
let shop: Workspace;
let api: Caller;
beforeAll(() => {
  shop = workspace(textOf("a"));
  for (const which of ["a", "b"]) shop.write(`${which}.ts`, MODULE(which));
  const fetch = overSocket(join(shop.folder, ".sluice/journal.db.sock"));
  api = createCaller({ url: "http://localhost", fetch });
});
afterAll(() => shop.remove());

/** Emits until the pipeline is gone; answers the events that were acknowledged. */
async function emitUntilGone(acknowledged: string[]): Promise<void> {
  try {
    for (;;) acknowledged.push((await api.post<{ uid: string }>("inputs/orders/events", {})).uid);
  } catch {
    // killed
  }
}

/** Looks past the pipeline, into its journal: the version stands there before anybody is answered. */
async function untilDurable(text: string): Promise<void> {
  const journal = openHistory(join(shop.folder, ".sluice/journal.db"));
  try {
    await until(async () => {
      const { versions } = JSON.parse(journal.state("$pipeline", "versions") ?? "{}") as VersionIndex;
      const newest = journal.state("$pipeline", `version/${versions[0]?.version}`) ?? "{}";
      return (JSON.parse(newest) as { text?: string }).text === text;
    });
  } finally {
    journal.close();
  }
}

/** Which of the two it is, wholly: in its configuration, and in what is linked. */
async function whichRuns(): Promise<"a" | "b"> {
  const { config, version } = await api.get<{ config: { process: { module: string }[] }; version: number }>(
    "pipeline",
  );
  const modules = new Set(config.process.map(({ module }) => module));
  expect(modules.size).toBe(1);
  const which = modules.has("./a.ts") ? "a" : "b";
  const { edges } = await api.get<{ edges: { from: string; to: string }[] }>("graph");
  const linked = edges.filter(({ from }) => from === "orders").map(({ to }) => to);
  expect(linked.toSorted()).toEqual(["land", `only-${which}`]);
  expect((await api.get<VersionDetail>(`pipeline/versions/${version}`)).source?.text).toBe(textOf(which));
  return which;
}

test(
  "killed in the middle of an apply it comes back as one version or the other, never a mix, and nothing is lost",
  { timeout: 120_000 },
  async () => {
    const acknowledged: string[] = [];
    const outcomes = new Set<string>();
    for (const moment of MOMENTS) {
      const running = await shop.run();
      const before = await whichRuns();
      const next = before === "a" ? "b" : "a";
      const load = Promise.all([0, 1, 2].map(() => emitUntilGone(acknowledged)));
      const goal = acknowledged.length + 30;
      await until(async () => acknowledged.length >= goal);
      const applied = api.put("pipeline", { source: textOf(next), open: "drain" }).then(
        () => "answered",
        () => "cut off",
      );
      if (moment === "durable") await untilDurable(textOf(next));
      if (moment === "answered") await applied;
      await running.stop("SIGKILL");
      const [answer] = await Promise.all([applied, load]);
      const again = await shop.run();
      const after = await whichRuns();
      if (answer === "answered" || moment === "durable") expect(after).toBe(next);
      outcomes.add(after === next ? "the new one" : "the old one");
      await again.stop();
    }
    expect([...outcomes].toSorted()).toEqual(["the new one", "the old one"]);
    const last = await shop.run();
    await until(async () => (await api.get<{ openRuns: number }>("pipeline")).openRuns === 0);
    const versions = (await api.get<Page<VersionRow>>("pipeline/versions")).items;
    const whichOf = new Map<number, string>();
    for (const { version } of versions) {
      const { source } = await api.get<VersionDetail>(`pipeline/versions/${version}`);
      whichOf.set(version, source?.text === textOf("a") ? "a" : "b");
    }
    const lines = readFileSync(join(shop.folder, "ledger"), "utf8").trimEnd().split("\n");
    const did = new Map(
      lines.map((line) => line.split(" ")).map(([run, attempt, as]) => [`${run} ${attempt}`, as]),
    );
    for (const uid of acknowledged) {
      const { runs } = await api.get<{ runs: RunRow[] }>(`events/${uid}`);
      expect(runs.map((run) => run.state)).toEqual(["succeeded", "succeeded"]);
      const names = runs.map((run) => run.process).toSorted();
      expect([
        ["land", "only-a"],
        ["land", "only-b"],
      ]).toContainEqual(names);
      for (const run of runs) {
        const { items } = await api.get<Page<AttemptRow>>(`runs/${encodeURIComponent(run.id)}/attempts`);
        const done = items.find((attempt) => attempt.outcome === "succeeded");
        expect(did.get(`${run.id} ${done?.attempt}`)).toBe(whichOf.get(done?.version ?? 0));
      }
    }
    expect(acknowledged.length).toBeGreaterThan(100);
    // Processes that were on their way out are gone, whoever finished their runs.
    await until(async () => (await api.get<Page<unknown>>("processes")).items.length === 2);
    await last.stop();
  },
);

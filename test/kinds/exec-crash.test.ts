import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { endHost, startHost } from "../support/host.ts";

const root = new URL("../../", import.meta.url).href;
const LIVES = 4;
/** Acknowledgements in each life, before it is killed; the last one ends well. */
const LIFE = 100;

/** Counts on from its cursor, and writes into a ledger when it starts and what is acknowledged to it. */
const PRODUCER = `
  const { appendFileSync } = require("node:fs");
  const note = (text) => appendFileSync(process.env.LEDGER, text + "\\n");
  note("start " + process.pid);
  let n = Number(process.env.SLUICE_CURSOR ?? 0);
  const tell = () => { n++; process.stdout.write(JSON.stringify({ id: n, cursor: n }) + "\\n"); };
  // It outlives its host, unless somebody ends it.
  setInterval(() => note("beat " + process.pid), 5);
  process.stdout.on("error", () => undefined);
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    note("answer " + line);
    tell();
  });
  for (let ahead = 0; ahead < 20; ahead++) tell();
`;

const HOST = `
  import { Orchestrator } from "${root}src/index.ts";
  import { execInput } from "${root}src/inputs/exec/index.ts";
  const [journal, ledger, producer] = process.argv.slice(2);
  const orchestrator = new Orchestrator({ journal });
  orchestrator.addInput(execInput({ name: "count", argv: [process.execPath, producer], env: { LEDGER: ledger } }));
  console.log("up");
  await orchestrator.run();
`;

// It is by /proc that the program of a killed host is found.
test.runIf(process.platform === "linux")(
  "an exec input whose host is killed again and again: nothing acknowledged is lost, nothing comes twice, and no program is left",
  { timeout: 60_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-exec-crash-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const place = (file: string): string => join(directory, file);
    const journal = `sqlite:${place("journal.db")}`;
    const lines = async (start: string): Promise<string[]> =>
      (await readFile(place("ledger"), "utf8").catch(() => ""))
        .split("\n")
        .filter((line) => line.startsWith(start));
    await writeFile(place("host.mjs"), HOST);
    await writeFile(place("producer.cjs"), PRODUCER);
    for (let kill = 0; kill < LIVES; kill += 1) {
      const before = (await lines("answer")).length;
      const host = await startHost(place("host.mjs"), [journal, place("ledger"), place("producer.cjs")]);
      try {
        await expect
          .poll(async () => (await lines("answer")).length - before, { timeout: 20_000 })
          .toBeGreaterThan(LIFE);
      } finally {
        await endHost(host, kill === LIVES - 1 ? "SIGTERM" : "SIGKILL");
      }
    }

    const answers = (await lines("answer")).map(
      (line) => JSON.parse(line.slice("answer ".length)) as { uid: string; duplicate: boolean },
    );
    const kept = new Map<string, number>();
    await using orchestrator = new Orchestrator({ journal });
    await orchestrator.start();
    for (let cursor: string | undefined; ;) {
      const page = await orchestrator.history.events({
        limit: 1_000,
        ...(cursor !== undefined && { cursor }),
      });
      for (const { uid, id } of page.items) kept.set(uid, Number(id));
      if (page.next === null) break;
      cursor = page.next;
    }
    expect(answers.filter(({ uid }) => !kept.has(uid))).toEqual([]);
    const ids = [...kept.values()].toSorted((a, b) => a - b);
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    expect(ids.length).toBeGreaterThan(LIVES * LIFE);

    const all = (await readFile(place("ledger"), "utf8")).split("\n");
    const starts = all.flatMap((line, index) => (line.startsWith("start ") ? [[line.slice(6), index]] : []));
    expect(starts).toHaveLength(LIVES);
    for (const [index, [pid]] of starts.slice(0, -1).entries()) {
      expect(all.lastIndexOf(`beat ${pid}`)).toBeLessThan(Number(starts[index + 1]?.[1]));
    }
  },
);

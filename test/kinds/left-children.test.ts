import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { commandProcess } from "../../src/processes/command.ts";

const root = new URL("../../", import.meta.url).href;

/** Writes into a ledger when it begins, and then again and again; does not care for SIGTERM. */
const SCRIPT = `trap '' TERM; echo "start $$" >> "$LEDGER"; while :; do echo "beat $$" >> "$LEDGER"; sleep 0.02; done`;

const HOST = `
  import { Orchestrator } from "${root}src/index.ts";
  import { commandProcess } from "${root}src/processes/command.ts";
  const { JOURNAL, LEDGER, SCRIPT } = process.env;
  const orchestrator = new Orchestrator({ journal: JOURNAL });
  orchestrator.addInput({ name: "in", handle: ({ signal }) => new Promise((end) => signal.addEventListener("abort", end)) });
  orchestrator.addProcess(commandProcess({ name: "work", argv: ["/bin/sh", "-c", SCRIPT], env: { LEDGER } }));
  orchestrator.addLink("in", "work");
  await orchestrator.start();
  await orchestrator.emit("in", { id: "1" });
  setInterval(() => undefined, 1000);
`;

// It is by /proc that they are found.
test.runIf(process.platform === "linux")(
  "the child of a killed host is ended before its run begins again",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-left-"));
    const ledger = join(directory, "ledger");
    const journal = `sqlite:${join(directory, "journal.db")}`;
    const lines = async (): Promise<string[]> =>
      (await readFile(ledger, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
    const starts = async (): Promise<string[]> => (await lines()).filter((line) => line.startsWith("start"));

    await writeFile(join(directory, "host.mjs"), HOST);
    const host = spawn(process.execPath, [join(directory, "host.mjs")], {
      env: { ...process.env, JOURNAL: journal, LEDGER: ledger, SCRIPT },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await expect.poll(async () => (await starts()).length, { timeout: 15_000 }).toBe(1);
    const exit = once(host, "exit");
    host.kill("SIGKILL");
    await exit;
    const atDeath = (await lines()).length;
    await expect.poll(async () => (await lines()).length).toBeGreaterThan(atDeath);

    const orchestrator = new Orchestrator({ journal, grace: "100ms" });
    orchestrator.addInput({
      name: "in",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    orchestrator.addProcess(
      commandProcess({
        name: "work",
        argv: ["/bin/sh", "-c", SCRIPT],
        env: { LEDGER: ledger },
        killAfter: "100ms",
      }),
    );
    orchestrator.addLink("in", "work");
    await orchestrator.start();
    await expect.poll(async () => (await starts()).length, { timeout: 15_000 }).toBe(2);
    await orchestrator.stop();
    const all = await lines();
    const [first, second] = (await starts()).map((line) => line.slice("start ".length));
    const again = all.indexOf(`start ${second}`);
    expect(all.lastIndexOf(`beat ${first}`)).toBeLessThan(again);
    expect(all.slice(again + 1).every((line) => line === `beat ${second}`)).toBe(true);
    await rm(directory, { recursive: true });
  },
);

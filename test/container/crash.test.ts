import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { dockerForTests } from "../support/docker.ts";

const root = new URL("../../", import.meta.url).href;
const RUNS = 20;

const HOST = `
  import { appendFileSync } from "node:fs";
  import { Orchestrator } from "${root}src/index.ts";
  import { containerProcess } from "${root}src/processes/container/index.ts";
  const { JOURNAL, ENGINE, EMIT, SINK } = process.env;
  const orchestrator = new Orchestrator({ journal: JOURNAL });
  orchestrator.addInput({ name: "in", handle: ({ signal }) => new Promise((end) => signal.addEventListener("abort", end)) });
  const command = ["/bin/sh", "-c", "touch /ledger/$SLUICE_EVENT_UID.$(cat /proc/sys/kernel/random/uuid); while ! [ -e /ledger/go ]; do sleep 0.2; done; printf '{\\"id\\":\\"%s\\"}' $SLUICE_EVENT_UID >> /sluice/out.ndjson"];
  const mounts = [{ source: "ledger", target: "/ledger", writable: true }];
  orchestrator.addProcess(
    containerProcess({ name: "work", engine: ENGINE, image: "busybox:local", command, mounts, cpus: 0.2 }),
    { concurrency: ${RUNS} },
  );
  orchestrator.addLink("in", "work");
  orchestrator.addProcess({ name: "sink", run: ({ id }) => appendFileSync(SINK, id + "\\n") });
  orchestrator.addLink("work", "sink");
  await orchestrator.start();
  for (let id = 0; id < Number(EMIT); id++) await orchestrator.emit("in", { id });
  if (Number(EMIT) === 0) {
    await orchestrator.idle();
    await orchestrator.stop();
  } else setInterval(() => undefined, 1000);
`;

const { engine, reason } = await dockerForTests();
afterAll(() => engine?.close());

test.skipIf(engine === undefined)(
  `killed with ${RUNS} containers running, they are found again: none is orphaned, none started twice${reason === undefined ? "" : ` (${reason})`}`,
  async () => {
    if (engine === undefined) return;
    const directory = await mkdtemp(join(tmpdir(), "sluice-crash-"));
    const file = join(directory, "host.mjs");
    await writeFile(file, HOST);
    const begin = (emit: number): ChildProcess =>
      spawn(process.execPath, [file], {
        env: {
          ...process.env,
          JOURNAL: `sqlite:${join(directory, "journal.db")}`,
          ENGINE: engine.address,
          EMIT: String(emit),
          SINK: join(directory, "sink"),
        },
        stdio: ["ignore", "ignore", "inherit"],
      });
    const lines = async (...args: string[]): Promise<string[]> =>
      (await engine.docker(...args))
        .split("\n")
        .filter((line) => line !== "")
        .toSorted();
    const running = (): Promise<string[]> => lines("ps", "-q", "--no-trunc");
    const look = ["run", "--rm", "--net=none", "-v", "ledger:/ledger", "busybox:local", "/bin/sh", "-c"];

    const host = begin(RUNS);
    await expect.poll(running, { timeout: 60_000, interval: 300 }).toHaveLength(RUNS);
    const before = await running();
    const exit = once(host, "exit");
    host.kill("SIGKILL");
    await exit;
    expect(await running()).toEqual(before);

    const next = begin(0);
    const ended = once(next, "exit");
    await engine.docker(...look, "touch /ledger/go");
    expect(await ended).toEqual([0, null]);
    const starts = (await lines(...look, "ls /ledger")).filter((name) => name !== "go");
    expect(starts).toHaveLength(RUNS);
    expect(new Set(starts.map((name) => name.split(".")[0])).size).toBe(RUNS);
    expect(await lines("ps", "-aq")).toEqual([]);
    const emitted = (await readFile(join(directory, "sink"), "utf8")).trim().split("\n");
    expect(new Set(emitted)).toEqual(new Set(starts.map((name) => name.split(".")[0])));
    expect(emitted).toHaveLength(RUNS);
    await rm(directory, { recursive: true });
  },
  150_000,
);

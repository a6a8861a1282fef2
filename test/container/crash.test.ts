import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { crashHost } from "../support/crash-host.ts";
import { dockerForTests } from "../support/docker.ts";

const RUNS = 20;

const PIPELINE = `
  import { appendFileSync } from "node:fs";
  const { ENGINE, SINK } = process.env;
  const command = ["/bin/sh", "-c", "touch /ledger/$SLUICE_EVENT_UID.$(cat /proc/sys/kernel/random/uuid); while ! [ -e /ledger/go ]; do sleep 0.2; done; printf '{\\"id\\":\\"%s\\"}' $SLUICE_EVENT_UID >> /sluice/out.ndjson"];
  const mounts = [{ source: "ledger", target: "/ledger", writable: true }];
  orchestrator.addProcess(
    kind.containerProcess({ name: "work", engine: ENGINE, image: "busybox:local", command, mounts, cpus: 0.2 }),
    { concurrency: ${RUNS} },
  );
  orchestrator.addProcess({ name: "sink", run: ({ id }) => appendFileSync(SINK, id + "\\n") });
  orchestrator.addLink("work", "sink");
`;

const { engine, reason } = await dockerForTests();
afterAll(() => engine?.close());

test.skipIf(engine === undefined)(
  `killed with ${RUNS} containers running, they are found again: none is orphaned, none started twice${reason === undefined ? "" : ` (${reason})`}`,
  async () => {
    if (engine === undefined) return;
    const sinkIn = (directory: string): string => join(directory, "sink");
    await using host = await crashHost("container/index.ts", PIPELINE, (directory) => ({
      ENGINE: engine.address,
      SINK: sinkIn(directory),
    }));
    const lines = async (...args: string[]): Promise<string[]> =>
      (await engine.docker(...args))
        .split("\n")
        .filter((line) => line !== "")
        .toSorted();
    const running = (): Promise<string[]> => lines("ps", "-q", "--no-trunc");
    const look = ["run", "--rm", "--net=none", "-v", "ledger:/ledger", "busybox:local", "/bin/sh", "-c"];

    const begun = host.start(RUNS);
    await expect.poll(running, { timeout: 60_000, interval: 300 }).toHaveLength(RUNS);
    const before = await running();
    await begun.kill();
    expect(await running()).toEqual(before);

    const ended = host.finish();
    await engine.docker(...look, "touch /ledger/go");
    expect(await ended).toEqual([0, null]);
    const starts = (await lines(...look, "ls /ledger")).filter((name) => name !== "go");
    expect(starts).toHaveLength(RUNS);
    expect(new Set(starts.map((name) => name.split(".")[0])).size).toBe(RUNS);
    expect(await lines("ps", "-aq")).toEqual([]);
    const emitted = (await readFile(sinkIn(host.directory), "utf8")).trim().split("\n");
    expect(new Set(emitted)).toEqual(new Set(starts.map((name) => name.split(".")[0])));
    expect(emitted).toHaveLength(RUNS);
  },
  150_000,
);

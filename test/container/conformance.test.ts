import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Clock } from "../../src/model/clock.ts";
import type { RunInfo } from "../../src/model/component.ts";
import { containerName } from "../../src/processes/container/create.ts";
import { containerProcess } from "../../src/processes/container/index.ts";
import type { TestRunContext } from "../../src/testing/context.ts";
import { processConformance, type ProcessSubject } from "../../src/testing/processes/conformance.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { dockerForTests } from "../support/docker.ts";

const { engine, reason } = await dockerForTests();
afterAll(() => engine?.close());

const SCRIPT = `case "$SLUICE_EVENT" in
  *fails*) exit 3;;
  *never*) exit 4;;
  *floods*) yes | head -n 200000;;
  *lasts*) sleep 600;;
esac`;

/** Time that passes a hundred times as fast. */
const fastClock: Clock = {
  ...realClock,
  setTimer: (delay, callback) => realClock.setTimer(delay / 100, callback),
};

/** Stands before an engine, and can be cut: for whoever speaks through it, the engine is gone. */
async function startLine(address: string): Promise<{ address: string; cut(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-line-"));
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(address.replace("unix://", ""));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined).pipe(to);
    }
  });
  const path = join(directory, "engine.sock");
  server.listen(path);
  await once(server, "listening");
  return {
    address: `unix://${path}`,
    async cut() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await rm(directory, { recursive: true });
    },
  };
}

describe.skipIf(engine === undefined)(
  `the process container${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    const docker = async (...args: string[]): Promise<string> => (await engine?.docker(...args)) ?? "";
    const options = {
      name: "c",
      image: "busybox:local",
      killAfter: 1,
      keep: 0,
      permanentExitCodes: [4],
    } as const;
    const since = Math.floor(Date.now() / 1_000);

    async function leave({ event, ...context }: TestRunContext): Promise<void> {
      const line = await startLine(engine?.address ?? "");
      const process = containerProcess({
        ...options,
        command: ["/bin/sh", "-c", "sleep 5"],
        engine: line.address,
      });
      const name = containerName({ journal: context.journalId ?? "", run: context.run.id });
      const running = Promise.resolve(
        process.run(event, { ...context, event, clock: fastClock } as TestRunContext),
      );
      const gone = running.then(
        () => "ended",
        (error: { code?: string }) => error.code,
      );
      await expect
        .poll(() => docker("ps", "-q", "--filter", `name=${name}`), { timeout: 20_000 })
        .not.toBe("");
      await line.cut();
      expect(await gone).toBe("SOURCE_UNAVAILABLE");
    }

    async function starts({ id }: RunInfo): Promise<number> {
      const filter = ["--filter", "event=start", "--filter", `label=sluice.run=${id}`];
      const until = String(Math.ceil(Date.now() / 1_000) + 1);
      const found = await docker("events", "--since", String(since), "--until", until, ...filter);
      return found.split("\n").filter((one) => one !== "").length;
    }

    const create = (): ProcessSubject => ({
      process: containerProcess({
        ...options,
        command: ["/bin/sh", "-c", SCRIPT],
        engine: engine?.address,
      }),
      succeeds: { id: "succeeds" },
      fails: { id: "fails" },
      never: { id: "never" },
      floods: { id: "floods" },
      lasts: { id: "lasts" },
      reattaches: { leave, starts },
    });

    test.each(processConformance({ create, patience: 20_000 }))("$name", { timeout: 60_000 }, ({ run }) =>
      run(),
    );
  },
);

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventInit } from "../../src/model/event.ts";
import { SluiceError } from "../../src/model/errors.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { containerProcess, type ContainerProcessOptions } from "../../src/processes/container/index.ts";
import { createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { processConformance } from "../../src/testing/processes/conformance.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { dockerForTests } from "../support/docker.ts";

const { engine, reason } = await dockerForTests();
afterAll(() => engine?.close());

const sh = (script: string): { image: string; command: string[] } => ({
  image: "busybox:local",
  command: ["/bin/sh", "-c", script],
});

function contextOf(event: EventInit = { id: "1" }): TestRunContext {
  return createRunContext({ event, clock: realClock });
}

async function run(options: ContainerProcessOptions, context = contextOf()): Promise<string[]> {
  const address = engine?.address;
  await containerProcess({ name: "work", engine: address, killAfter: 1, ...options }).run(
    context.event,
    context,
  );
  return context.lines.map(({ stream, text }) => `${stream}: ${text}`);
}

const names = async (): Promise<string> => (await engine?.docker("ps", "-a", "--format", "{{.Names}}")) ?? "";
const clear = async (): Promise<void> => {
  const ids = (await engine?.docker("ps", "-aq"))?.split("\n").filter((id) => id !== "") ?? [];
  if (ids.length > 0) await engine?.docker("rm", "-fv", ...ids);
};

describe.skipIf(engine === undefined)(
  `a container process${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    beforeAll(clear);

    test("finds the event as a file, on its input and in its environment; both streams are told apart", async () => {
      const event = { id: "$(id)", data: { x: "ä" } };
      const context = contextOf(event);
      const lines = await run(
        sh(
          `cat /sluice/event.json; echo; cat; echo; echo "$SLUICE_EVENT"; echo "$PIPELINE_EVENT"; echo "$SLUICE_RUN" >&2`,
        ),
        context,
      );
      const out = lines
        .filter((line) => line.startsWith("stdout: "))
        .map((line) => line.slice("stdout: ".length));
      for (const text of [out[0], out[1], out[2], Buffer.from(out[3] ?? "", "base64").toString()]) {
        expect(JSON.parse(text ?? "")).toMatchObject(event);
      }
      expect(lines).toContain(`stderr: ${context.run.id}`);
      expect(await names()).toBe("");
    });

    test("takes an event of two megabytes, which is a file and no variable", async () => {
      const context = contextOf({ id: "1", data: "x".repeat(2_000_000) });
      const [size, none] = await run(
        sh(`wc -c < /sluice/event.json; echo "[$SLUICE_EVENT$PIPELINE_EVENT]"`),
        context,
      );
      expect(Number(size?.slice("stdout: ".length))).toBeGreaterThan(2_000_000);
      expect(none).toBe("stdout: []");
    });

    test("has no network, no capability and no root file system to write to", async () => {
      const script = `ls /sys/class/net; grep CapEff /proc/self/status; touch /x || echo refused; touch /tmp/x && echo ok`;
      const lines = await run(sh(script));
      const out = lines
        .filter((line) => line.startsWith("stdout"))
        .map((line) => line.slice("stdout: ".length));
      expect(out).toEqual(["lo", expect.stringMatching(/^CapEff:\W0{16}$/), "refused", "ok"]);
      expect(lines.join()).toContain("Read-only file system");
    });

    test("emits what it writes to its file, and fails for good on what is no event", async () => {
      const context = contextOf();
      await run(sh(`echo '{"id":"a","operation":"create","data":{"n":1}}' >> /sluice/out.ndjson`), context);
      expect(context.emitted).toEqual([{ id: "a", operation: "create", data: { n: 1 } }]);
      await expect(
        run(sh("echo '{}' >> /sluice/out.ndjson; echo x >> /sluice/out.ndjson")),
      ).rejects.toMatchObject({
        name: "PermanentError",
        code: "INVALID_EVENT",
      });
    });

    test("that fails is kept under another name; the next attempt is a new container", async () => {
      await clear();
      const context = contextOf();
      const options = { ...sh(`echo bad $TOKEN >&2; exit 3`), env: { TOKEN: "tok-12345" } };
      await expect(run(options, context)).rejects.toMatchObject({
        code: "PROCESS_EXIT",
        message: "the container of busybox:local ended with exit code 3\nbad ***",
      });
      expect(await names()).toMatch(/^sluice-[0-9a-f]{32}-failed-1-[0-9a-f]{8}\n$/);
      await expect(run({ ...options, keep: 0 }, context)).rejects.toMatchObject({ code: "PROCESS_EXIT" });
      expect((await names()).trim().split("\n")).toHaveLength(1);
    });

    test("asks for another try by 75, even where others are permanent", async () => {
      await expect(run({ ...sh("exit 75"), keep: 0 })).rejects.toMatchObject({ name: "SluiceError" });
      await expect(run({ ...sh("exit 65"), keep: 0, permanentExitCodes: [65] })).rejects.toMatchObject({
        name: "PermanentError",
      });
    });

    test("that reaches its memory limit is told apart", async () => {
      const script = sh("dd if=/dev/zero of=/tmp/x bs=1M count=60");
      await expect(run({ ...script, memory: "16MiB", keep: 0 })).rejects.toMatchObject({
        code: "OUT_OF_MEMORY",
      });
    });

    test("holds a fork bomb, and ends it with the attempt", async () => {
      const context = contextOf();
      const running = run({ ...sh("i=0; while :; do sleep 100 & done"), pids: 20 }, context);
      await expect(running).rejects.toMatchObject({ code: "PROCESS_EXIT" });
      expect(context.lines.map(({ text }) => text).join()).toContain("fork");
    });

    test("is ended and removed when its attempt must end", async () => {
      await clear();
      const context = contextOf();
      const running = run(sh("trap '' TERM; echo begun; while :; do sleep 1; done"), context);
      await expect.poll(() => context.lines.length, { timeout: 10_000 }).toBeGreaterThan(0);
      context.abort(new SluiceError("TIMEOUT", "too slow"));
      await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
      expect(await names()).toBe("");
    });

    test("whose image is not there is final, and so is a program that is not in it", async () => {
      await expect(run({ image: "none:such", pull: "never" })).rejects.toMatchObject({
        name: "PermanentError",
        code: "IMAGE_UNAVAILABLE",
      });
      await expect(run({ image: "busybox:local", command: ["nothing"] })).rejects.toMatchObject({
        name: "PermanentError",
        code: "COMMAND_NOT_FOUND",
      });
    });

    test("is found again by a later attempt of its run instead of started twice", async () => {
      await clear();
      const context = contextOf();
      const options = sh("echo begun; sleep 3; echo done");
      const first = run(options, context);
      await expect.poll(() => context.lines.length, { timeout: 10_000 }).toBeGreaterThan(0);
      const again: TestRunContext = { ...contextOf(), event: context.event, run: context.run };
      const lines: string[] = [];
      await Promise.allSettled([first, run(options, { ...again, log: (text) => void lines.push(text) })]);
      expect(lines[0]).toMatch(/^found the container/);
      expect(lines).toContain("done");
      expect(await names()).toBe("");
    });

    test("kept long enough is removed when its process opens", async () => {
      await clear();
      const context = contextOf();
      const options = { name: "work", engine: engine?.address, ...sh("exit 1"), keep: 1 };
      await expect(run(options, context)).rejects.toMatchObject({ code: "PROCESS_EXIT" });
      const owner = { pipeline: "test", journalId: context.journalId ?? "", epoch: 2, log: silentLogger };
      await containerProcess(options).open?.(owner);
      expect(await names()).toBe("");
    });

    const SCRIPT = `case "$SLUICE_EVENT" in *fails*) exit 3;; *lasts*) sleep 600;; esac`;
    const subject = {
      create: () => ({
        process: containerProcess({
          name: "c",
          engine: engine?.address,
          killAfter: 1,
          keep: 0,
          ...sh(SCRIPT),
        }),
        succeeds: { id: "succeeds" },
        fails: { id: "fails" },
        lasts: { id: "lasts" },
      }),
      patience: 20_000,
    };
    test.each(processConformance(subject))("$name", ({ run: hold }) => hold());
  },
);

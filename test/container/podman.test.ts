import { afterAll, afterEach, describe, expect, test } from "vitest";
import { SluiceError } from "../../src/model/errors.ts";
import { contextOf, outOf, runAgain, runsOn, sh } from "../support/container-run.ts";
import { podmanForTests } from "../support/podman.ts";

const { engine, reason } = await podmanForTests();
afterAll(() => engine?.close());

const run = runsOn(engine?.address, { pull: "never" });
const names = async (): Promise<string> => (await engine?.podman("ps", "-a", "--format", "{{.Names}}")) ?? "";

describe.skipIf(engine === undefined)(`a container process with Podman ${reason ?? ""}`, () => {
  afterEach(() => engine?.podman("rm", "--all", "--force"));

  test("finds the event as a file and in its environment; both streams are told apart", async () => {
    const event = { id: "$(id)", data: { x: "ä" } };
    const context = contextOf(event);
    const lines = await run(
      sh(`cat /sluice/event.json; echo; echo "$SLUICE_EVENT"; echo "$SLUICE_RUN" >&2`),
      context,
    );
    expect(outOf(lines).map((text) => JSON.parse(text) as object)).toMatchObject([event, event]);
    expect(lines).toContain(`stderr: ${context.run.id}`);
    expect(await names()).toBe("");
  });

  test("has no network, no capability and no root file system to write to", async () => {
    const script = `ls /sys/class/net; grep CapEff /proc/self/status; touch /x || echo refused; touch /tmp/x && echo ok`;
    const capabilities: unknown = expect.stringMatching(/^CapEff:\W0{16}$/);
    expect(outOf(await run(sh(script)))).toEqual(["lo", capabilities, "refused", "ok"]);
  });

  test("emits what it writes to its file", async () => {
    const context = contextOf();
    await run(sh(`echo '{"id":"a","operation":"create","data":{"n":1}}' >> /sluice/out.ndjson`), context);
    expect(context.emitted).toEqual([{ id: "a", operation: "create", data: { n: 1 } }]);
  });

  test("that fails is kept under another name; 75 asks for another try, other codes may be permanent", async () => {
    await expect(run(sh("echo bad >&2; exit 3"))).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: expect.stringContaining("ended with exit code 3\nbad"),
    });
    expect(await names()).toMatch(/^sluice-[0-9a-f]{32}-failed-1-[0-9a-f]{8}\n$/);
    await expect(run({ ...sh("exit 75"), keep: 0 })).rejects.toMatchObject({ name: "SluiceError" });
    await expect(run({ ...sh("exit 65"), keep: 0, permanentExitCodes: [65] })).rejects.toMatchObject({
      name: "PermanentError",
    });
  });

  test("that reaches its memory limit is told apart, and one with too many processes fails", async () => {
    const script = sh("sleep 0.5; dd if=/dev/zero of=/tmp/x bs=1M count=60");
    // Podman tells it on some machines, and not on others.
    await expect(run({ ...script, memory: "16MiB", keep: 0 })).rejects.toMatchObject({
      code: expect.stringMatching(/^(OUT_OF_MEMORY|PROCESS_EXIT)$/),
      message: expect.stringContaining("at its memory limit (16MiB)"),
    });
    const bomb = run({ ...sh("i=0; while :; do sleep 100 & done"), pids: 20, keep: 0 });
    await expect(bomb).rejects.toMatchObject({ code: "PROCESS_EXIT" });
  });

  test("is ended and removed when its attempt must end", async () => {
    const context = contextOf();
    const running = run(sh("trap '' TERM; echo begun; while :; do sleep 1; done"), context);
    await expect.poll(() => context.lines.length, { timeout: 15_000 }).toBeGreaterThan(0);
    context.abort(new SluiceError("TIMEOUT", "too slow"));
    await expect(running).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(await names()).toBe("");
  });

  test("whose image is not there is final, and so is a program that is not in it", async () => {
    await expect(run({ image: "none:such" })).rejects.toMatchObject({
      name: "PermanentError",
      code: "IMAGE_UNAVAILABLE",
    });
    await expect(run({ image: "busybox:local", command: ["nothing"] })).rejects.toMatchObject({
      name: "PermanentError",
      code: "COMMAND_NOT_FOUND",
    });
  });

  test("is found again by a later attempt of its run instead of started twice", async () => {
    const lines = await runAgain(run);
    expect(lines[0]).toMatch(/^found the container/);
    expect(lines).toContain("done");
    expect(await names()).toBe("");
  });
});

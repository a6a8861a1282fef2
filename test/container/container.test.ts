import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ownMark } from "../../src/child/proc.ts";
import { EPHEMERAL_JOURNAL } from "../../src/model/component.ts";
import { SluiceError } from "../../src/model/errors.ts";
import { checkOptions } from "../../src/model/kind.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { containerName } from "../../src/processes/container/create.ts";
import { containerProcess, type ContainerProcessOptions } from "../../src/processes/container/index.ts";
import { contextOf, outOf, runAgain, runsOn, sh } from "../support/container-run.ts";
import { dockerForTests } from "../support/docker.ts";
import { startRegistry } from "../support/registry.ts";

const { engine, reason } = await dockerForTests();
afterAll(() => engine?.close());

const run = runsOn(engine?.address);
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
      const out = outOf(lines);
      for (const text of [out[0], out[1], out[2], Buffer.from(out[3] ?? "", "base64").toString()]) {
        expect(JSON.parse(text ?? "")).toMatchObject(event);
      }
      expect(lines).toContain(`stderr: ${context.run.id}`);
      expect(await names()).toBe("");
    });

    test("knows its run, its attempt and its event by variables, and has nothing of the host's own", async () => {
      const context = contextOf();
      const lines = await run({ ...sh("env"), env: { COLOUR: "blue-green" } }, context);
      const variables = new Map(
        lines.map((line) => {
          const [name = "", ...value] = line.slice("stdout: ".length).split("=");
          return [name, value.join("=")];
        }),
      );
      expect(Object.fromEntries(variables)).toMatchObject({
        COLOUR: "***",
        SLUICE_RUN: context.run.id,
        SLUICE_ATTEMPT: "1",
        SLUICE_FENCE: "1",
        SLUICE_EVENT_UID: context.event.uid,
        SLUICE_EVENT_FILE: "/sluice/event.json",
        TRACEPARENT: context.traceparent,
      });
      const own = /^(COLOUR|SLUICE_|TRACEPARENT$|PIPELINE_EVENT$|(HOME|HOSTNAME|PATH|PWD|SHLVL)$)/;
      expect([...variables.keys()].filter((name) => !own.test(name))).toEqual([]);
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
      expect(outOf(lines)).toEqual(["lo", expect.stringMatching(/^CapEff:\W0{16}$/), "refused", "ok"]);
      expect(lines.join()).toContain("Read-only file system");
    });

    test("has what its options give it: a user, a folder, no input, files to write to", async () => {
      const script = `id -u; pwd; cat; grep CapBnd /proc/self/status; touch /x && echo ok; head -c 2000000 /dev/zero > /tmp/x || echo full`;
      const lines = await run({
        ...sh(script),
        user: "0:0",
        workdir: "/bin",
        stdin: false,
        readOnly: false,
        capabilities: ["CHOWN"],
        tmp: "1MiB",
      });
      expect(outOf(lines)).toEqual(["0", "/bin", expect.stringMatching(/^CapBnd:\W0{15}1$/), "ok", "full"]);
      expect(await run({ ...sh("id -u; id -g"), user: "65534:100" })).toEqual([
        "stdout: 65534",
        "stdout: 100",
      ]);
    });

    test("sees a mount at its target, and writes to it only if it may", async () => {
      const folder = await mkdtemp(join(tmpdir(), "sluice-mount-"));
      try {
        await writeFile(join(folder, "in"), "of the host");
        await symlink("/etc", join(folder, "link"));
        const script = `cat /host/in; echo; touch /host/x || echo refused; touch /volume/x && echo volume; touch /memory/x && echo memory`;
        const mounts = [
          { source: folder, target: "/host" },
          { source: "of-a-test", target: "/volume", writable: true },
          { target: "/memory" },
        ];
        const lines = await run({ ...sh(script), mounts });
        expect(lines.filter((line) => line.startsWith("stdout"))).toEqual(
          ["of the host", "refused", "volume", "memory"].map((text) => `stdout: ${text}`),
        );
        const leading = [{ source: join(folder, "link"), target: "/host" }];
        await expect(run({ ...sh("true"), mounts: leading })).rejects.toMatchObject({
          name: "PermanentError",
          code: "INVALID_OPTIONS",
          message: expect.stringContaining("leads to /etc"),
        });
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test("is limited and labelled as its options say", async () => {
      await clear();
      const labels = { team: "gold" };
      await expect(run({ ...sh("exit 1"), cpus: 0.25, labels })).rejects.toMatchObject({
        code: "PROCESS_EXIT",
      });
      const format = `{{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.Config.Labels.team}}`;
      expect(await engine?.docker("inspect", "--format", format, (await names()).trim())).toBe(
        "250000000 256 gold\n",
      );
    });

    test("has no more of its output kept than its options say", async () => {
      expect(await run({ ...sh("echo 1; echo 2; echo 3; echo 4"), maxLines: 2 })).toEqual([
        "stdout: 1",
        "stdout: 2",
        expect.stringMatching(/the rest of the output was cut/),
      ]);
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
      const large = sh("yes | head -c 17000000 >> /sluice/out.ndjson");
      await expect(run({ ...large, keep: 0 })).rejects.toMatchObject({
        name: "PermanentError",
        message: expect.stringContaining("is larger than 16777216 bytes"),
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
      // The engine watches a container's memory from a moment after its start.
      const script = sh("sleep 0.5; dd if=/dev/zero of=/tmp/x bs=1M count=60");
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

    test("pulls its image if that is missing, or each time; what the registry does not have is final", async () => {
      const registry = await startRegistry();
      const { image } = registry;
      const options = { image, command: ["/busybox", "echo", "pulled"] };
      const asks = async (pull: "missing" | "always"): Promise<number> => {
        const before = registry.asked;
        expect(await run({ ...options, pull })).toContain("stdout: pulled");
        return registry.asked - before;
      };
      try {
        expect(await asks("missing")).toBeGreaterThan(0);
        expect(await asks("missing")).toBe(0);
        expect(await asks("always")).toBeGreaterThan(0);
        await expect(run({ ...options, image: `${image}:none` })).rejects.toMatchObject({
          name: "PermanentError",
          code: "IMAGE_UNAVAILABLE",
        });
      } finally {
        await registry.close();
      }
      await expect(run({ ...options, pull: "always" })).rejects.toMatchObject({
        name: "SluiceError",
        code: "SOURCE_UNAVAILABLE",
        message: expect.stringMatching(/could not be pulled: [^(]*connection refused$/),
      });
      expect(await asks("missing")).toBe(0);
    });

    test("that the engine refuses says why, and whether another try may help", async () => {
      await expect(run({ ...sh("true"), memory: "1MiB" })).rejects.toMatchObject({
        name: "PermanentError",
        code: "INVALID_OPTIONS",
      });
      await expect(run({ ...sh("true"), network: "nowhere" })).rejects.toMatchObject({
        name: "SluiceError",
        code: "SOURCE_UNAVAILABLE",
        message: expect.stringContaining("network nowhere not found"),
      });
      await expect(run({ ...sh("true"), engine: "unix:///nowhere.sock" })).rejects.toMatchObject({
        code: "SOURCE_UNAVAILABLE",
        message: expect.stringContaining("cannot be reached"),
      });
      const surroundings = { directory: tmpdir() };
      const check = async (options: ContainerProcessOptions): Promise<unknown> =>
        containerProcess.check?.(checkOptions(containerProcess, options, "c"), surroundings);
      await expect(check({ ...sh("true"), engine: engine?.address, pull: "never" })).resolves.toBeUndefined();
      await expect(
        check({ image: "none:such", engine: engine?.address, pull: "never" }),
      ).rejects.toMatchObject({
        code: "IMAGE_UNAVAILABLE",
      });
    });

    test("is found again by a later attempt of its run instead of started twice", async () => {
      await clear();
      const lines = await runAgain(run);
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

    test("left behind by an owner in memory that died is removed when its process opens; a living one's stays", async () => {
      await clear();
      const leave = async (called: string, owner: string): Promise<void> => {
        const labels = { journal: EPHEMERAL_JOURNAL, process: "work", host: hostname(), owner };
        const args = Object.entries(labels).flatMap(([label, value]) => [
          "--label",
          `sluice.${label}=${value}`,
        ]);
        await engine?.docker("create", "--net=none", "--name", called, ...args, "busybox:local", "true");
      };
      await leave("of-the-dead", `${process.pid}:0`);
      await leave("of-the-living", ownMark() ?? "");
      const owner = { pipeline: "test", journalId: EPHEMERAL_JOURNAL, epoch: 1, log: silentLogger };
      await containerProcess({ name: "work", engine: engine?.address, ...sh("true") }).open?.(owner);
      expect(await names()).toBe("of-the-living\n");
    });

    test("that never began, since its owner died before, makes room for one that does", async () => {
      await clear();
      const context = contextOf();
      const name = containerName({ journal: context.journalId ?? "", run: context.run.id });
      await engine?.docker("create", "--net=none", "--name", name, "busybox:local", "true");
      expect(await run(sh("echo begun"), context)).toEqual(["stdout: begun"]);
      expect(await names()).toBe("");
    });
  },
);

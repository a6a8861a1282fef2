import { chmod, mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Process, ProcessSettings } from "../../src/model/component.ts";
import type { EventInit } from "../../src/model/event.ts";
import { checkOptions } from "../../src/model/kind.ts";
import { silentLogger } from "../../src/model/logger.ts";
import { containerName } from "../../src/processes/container/create.ts";
import { containerProcess, type ContainerProcessOptions } from "../../src/processes/container/index.ts";
import { createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";
import { dockerForTests } from "../support/docker.ts";

const directory = await mkdtemp(join(tmpdir(), "sluice-files-"));
const hidden = join(directory, "elsewhere");
const shared = join(directory, ".sluice/containers");
await mkdir(join(hidden, ".sluice"), { recursive: true });
await mkdir(join(directory, ".sluice"));
const { engine, reason } = await dockerForTests({ hidden });
afterAll(async () => {
  await engine?.close();
  await rm(directory, { recursive: true });
});

const sh = (script: string): { image: string; command: string[] } => ({
  image: "busybox:local",
  command: ["/bin/sh", "-c", script],
});

function contextOf(event: EventInit = { id: "1" }): TestRunContext {
  return createRunContext({ event, clock: realClock });
}

function processOf(options: ContainerProcessOptions & ProcessSettings, folder = directory): Process {
  const given = { engine: engine?.address, killAfter: 1, keep: 0, ...options };
  return containerProcess.create("work", checkOptions(containerProcess, given, "work"), {
    directory: folder,
  });
}

async function run(process: Process, context = contextOf()): Promise<string[]> {
  await process.run(context.event, context);
  return context.lines.filter(({ stream }) => stream === "stdout").map(({ text }) => text);
}

/** The files of runs that there are, of the one process. */
async function files(of = directory): Promise<string[]> {
  const all = await readdir(join(of, ".sluice/containers")).catch(() => []);
  return all[0] === undefined ? [] : readdir(join(of, ".sluice/containers", all[0]));
}

const MOUNTS = "grep -o ' /sluice[^ ]*' /proc/mounts";

describe.skipIf(engine === undefined)(
  `the files of a container${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    // The container's user is neither ours nor root, and our umask lets nobody else read.
    const before = process.umask(0o077);
    afterAll(() => process.umask(before));

    const ways = [
      {
        way: "mounted",
        options: {},
        folder: directory,
        mounts: ["/sluice/event.json", "/sluice/out.ndjson"],
      },
      { way: "copied, as said", options: { shareFiles: false }, folder: directory, mounts: ["/sluice"] },
      { way: "copied, as the engine sees other files", options: {}, folder: hidden, mounts: ["/sluice"] },
    ];

    test.each(ways)("are $way, and do for any user and size", async ({ options, folder, mounts }) => {
      const context = contextOf({ id: "1", data: "x".repeat(2_000_000) });
      const script = `${MOUNTS}; wc -c < /sluice/event.json; echo '{"id":"a"}' >> /sluice/out.ndjson; echo no > /sluice/event.json || printf refused`;
      const work = processOf({ ...sh(script), user: "65534:65534", ...options }, folder);
      const lines = await run(work, context);
      const size = lines.find((line) => /^\d+$/.test(line));
      expect(lines.map((line) => line.trim())).toEqual([...mounts, size, "refused"]);
      expect(Number(size)).toBeGreaterThan(2_000_000);
      expect(context.emitted).toEqual([{ id: "a" }]);
      // What the engine refused once is not asked again, and leaves nothing behind.
      const again = contextOf();
      await run(work, again);
      expect(again.emitted).toEqual([{ id: "a" }]);
      expect(await files(folder)).toEqual([]);
    });

    test.each(ways)(
      "that are $way hold what a container may emit, and no more",
      async ({ options, folder }) => {
        const script = sh("head -c 17000000 /dev/zero > /sluice/out.ndjson");
        await expect(run(processOf({ ...script, ...options }, folder))).rejects.toMatchObject({
          name: "PermanentError",
          code: "INVALID_EVENT",
        });
        expect(await files()).toEqual([]);
      },
    );

    test("fill no disk: a container that writes on and on is ended, and nothing is left of it", async () => {
      const script = sh("yes >> /sluice/out.ndjson");
      await expect(run(processOf({ ...script, keep: "1h" }))).rejects.toMatchObject({
        name: "PermanentError",
        code: "INVALID_EVENT",
      });
      expect(await files()).toEqual([]);
      expect(await engine?.docker("ps", "-aq")).toBe("");
    });

    test("are as long there as the container that is kept", async () => {
      const context = contextOf();
      const work = processOf({ ...sh("echo kept > /sluice/out.ndjson; exit 1"), keep: "1h" });
      await expect(run(work, context)).rejects.toMatchObject({ code: "PROCESS_EXIT" });
      const [name = ""] = await files();
      const [kept = ""] = ((await engine?.docker("ps", "-a", "--format={{.Names}}")) ?? "").split("\n");
      expect(kept.startsWith(name.slice(0, "sluice-".length + 32))).toBe(true);
      const archive = await engine?.docker("cp", `${kept}:/sluice/out.ndjson`, "-");
      expect(archive).toContain("kept");

      const [folder = ""] = await readdir(shared);
      const old = new Date(Date.now() - 7_200_000);
      const left = join(shared, folder, `${containerName({ journal: "j", run: "gone" })}-${"0".repeat(32)}`);
      const young = left.replace(/0{32}$/, "1".repeat(32));
      await Promise.all([mkdir(left), mkdir(young)]);
      await Promise.all([left, join(shared, folder, name)].map((path) => utimes(path, old, old)));
      const owner = { pipeline: "test", journalId: context.journalId ?? "", epoch: 2, log: silentLogger };
      await processOf(sh("true")).open?.(owner);
      expect((await files()).toSorted()).toEqual([name, young.slice(young.lastIndexOf("/") + 1)].toSorted());

      await engine?.docker("rm", kept);
      await rm(young, { recursive: true });
      await processOf(sh("true")).open?.(owner);
      expect(await files()).toEqual([]);
    });

    test("that somebody removed while nobody watched are no empty ones: the run fails, and begins anew", async () => {
      const context = contextOf();
      const name = containerName({ journal: context.journalId ?? "", run: context.run.id });
      const label = `sluice.files=${join(shared, "0", "1")}`;
      await engine?.docker("run", "--net=none", "--name", name, "--label", label, "busybox:local", "true");
      const work = processOf(sh(`echo '{"id":"a"}' >> /sluice/out.ndjson`));
      await expect(run(work, context)).rejects.toMatchObject({ name: "SluiceError", code: "JOB_LOST" });
      await run(work, context);
      expect(context.emitted).toEqual([{ id: "a" }]);
    });

    test("are nobody else's: a folder that others may enter is not used", async () => {
      await chmod(shared, 0o755);
      try {
        const lines = await run(processOf(sh("grep ' /sluice/event' /proc/self/mountinfo")));
        expect(lines).toEqual([expect.stringContaining(`/sluice-containers-${process.getuid?.()}/`)]);
      } finally {
        await chmod(shared, 0o700);
      }
    });

    test("are not read through a link, nor waited for, whatever became of them", async () => {
      const script = `rm -f /sluice/out.ndjson; ln -s /etc/passwd /sluice/out.ndjson; mkfifo /sluice/x; ${MOUNTS}`;
      const context = contextOf();
      await run(processOf({ ...sh(script), readOnly: false }), context);
      expect(context.emitted).toEqual([]);
    });

    test("are all read to a last line that nothing ends", async () => {
      expect(await run(processOf({ ...sh("echo a; printf b"), stdin: false }))).toEqual(["a", "b"]);
      expect(await run(processOf(sh("cat; echo; printf b")))).toEqual([expect.stringContaining("{"), "b"]);
    });
  },
);

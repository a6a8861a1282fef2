import { lstat, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createRemoval } from "./after.ts";
import { Watched } from "./file.test-helper.ts";
import { fileInput } from "./index.ts";
import { LEAVING, resolvePlace, signatureOf, type Place } from "./place.ts";
import { fileInputOptions, type ResolvedOptions } from "./options.ts";

const list = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).toSorted((a, b) => (a < b ? -1 : 1));

async function untilEmpty(folder: string): Promise<void> {
  await expect.poll(() => list(folder), { timeout: 10_000 }).toEqual([]);
}

describe("a file input that takes away what it told", () => {
  test("deletes it without telling that, and tells the same again as new", async () => {
    await using watched = await Watched.make({ read: "lines", after: "delete" });
    await writeFile(watched.path("a"), "1\n2");
    await writeFile(watched.path("empty"), "");
    await watched.start();
    await untilEmpty(watched.folder);
    await writeFile(watched.path("a"), "1\n2");
    await watched.context.waitFor(4);
    await untilEmpty(watched.folder);
    await watched.settled();
    const rows = [
      ["create", "a#1", "1"],
      ["create", "a#2", "2"],
    ];
    expect(watched.told).toEqual([...rows, ...rows]);
    await expect
      .poll(() => [...watched.context.entries.values()].map(({ value }) => JSON.stringify(value)))
      .toEqual(expect.not.arrayContaining([expect.stringContaining("seen")]));
  });

  test("moves it to its place in a folder, even one within, which is not told", async () => {
    await using watched = await Watched.make({ read: "text", after: "move" });
    await mkdir(watched.path("in/deep"), { recursive: true });
    await writeFile(watched.path("in/deep/a.txt"), "1");
    await watched.start({ path: watched.folder, to: watched.path("done") });
    await expect.poll(() => list(watched.path("done"))).toEqual(["in", "in/deep", "in/deep/a.txt"]);
    await expect.poll(() => list(watched.path("in"))).toEqual(["deep"]);
    await writeFile(watched.path("b.txt"), "2");
    await watched.context.waitFor(2);
    await watched.stop();
    await watched.start({ to: watched.path("done") });
    await watched.settled();
    expect(watched.told).toEqual([]);
    expect(await readFile(watched.path("done/b.txt"), "utf8")).toBe("2");
  });

  test.each(["", "/dev/shm"])("overwrites nothing where it moves it (%s)", async (shm) => {
    const away = join(shm === "" ? "/tmp" : shm, `sluice-done-${process.pid}-${Date.now()}`);
    onTestFinished(() => rm(away, { recursive: true, force: true }));
    await using watched = await Watched.make({ read: "text", after: "move", to: away });
    await watched.start();
    for (const [index, text] of ["one", "two", "three"].entries()) {
      await writeFile(watched.path("a.txt"), text);
      await watched.context.waitFor(index + 1);
      await untilEmpty(watched.folder);
    }
    const names = await list(away);
    expect(names).toEqual([
      expect.stringMatching(/^a\.[0-9a-f]{12}\.txt$/),
      expect.stringMatching(/^a\.[0-9a-f]{12}\.txt$/),
      "a.txt",
    ]);
    const kept = await Promise.all(names.map((name) => readFile(join(away, name), "utf8")));
    expect(kept.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(["one", "three", "two"]);
  });

  test("lets be what was not told: held, left out, there before, or a link", async () => {
    await using watched = await Watched.make({ read: "ndjson", after: "delete" });
    await writeFile(watched.path("before"), "0\n");
    await watched.start({ initial: false });
    await watched.settled();
    await writeFile(watched.path("held"), "1\nx\n");
    await writeFile(watched.path("good"), "1\n");
    await watched.context.waitFor(2);
    await expect.poll(() => list(watched.folder)).toEqual(["before", "held"]);
    await symlink("before", watched.path("link"));
    await watched.context.waitFor(3);
    await expect.poll(() => list(watched.folder)).toEqual(["before", "held", "link"]);
    await watched.stop();

    await watched.start({ onUndecodable: "skip" });
    await watched.settled();
    expect(await list(watched.folder)).toEqual(["before", "held", "link"]);
    await writeFile(watched.path("held"), "1\n2\n");
    await expect.poll(() => list(watched.folder), { timeout: 5_000 }).toEqual(["before", "link"]);
  });

  test("says what it cannot take away, and tells it once", async () => {
    await using watched = await Watched.make({ read: "text", after: "move", pollInterval: "100ms" });
    const to = watched.path("done");
    await writeFile(to, "a file in place of the folder");
    const source = watched.path("in");
    await mkdir(source);
    await watched.start({ path: source, to: join(to, "x") }).catch(() => undefined);
    await expect.poll(() => String(watched.context.reported.error)).toContain("done");
    await rm(to);
    await writeFile(join(source, "a"), "1");
    await watched.context.waitFor(1);
    await untilEmpty(source);
    expect(await list(to)).toEqual(["x", "x/a"]);
    expect(watched.context.emitted).toHaveLength(1);
  });

  test.each(["before the removal", "after it"])(
    "that dies %s neither tells twice nor says deleted",
    async (when) => {
      await using watched = await Watched.make({ read: "lines", after: "delete" });
      await writeFile(watched.path("a"), "1\n2\n");
      await watched.start({ after: "keep" });
      await watched.context.waitFor(2);
      await watched.stop();
      if (when === "after it") await rm(watched.path("a"));
      await watched.start();
      await untilEmpty(watched.folder);
      await watched.settled();
      expect(watched.told).toEqual([]);
    },
  );

  test("that dies in the removal gives the file its name back, told or not", async () => {
    await using watched = await Watched.make({ read: "lines", after: "delete" });
    await writeFile(watched.path("told"), "1\n");
    await writeFile(watched.path("other"), "1\n");
    await watched.start({ after: "keep" });
    await watched.context.waitFor(2);
    await watched.stop();
    await rename(watched.path("told"), watched.path(`${LEAVING}told`));
    await rm(watched.path("other"));
    await writeFile(watched.path(`${LEAVING}other`), "2\n");
    await watched.start({ dotfiles: true });
    await watched.context.waitFor(1);
    await untilEmpty(watched.folder);
    await watched.settled();
    expect(watched.told).toEqual([["create", "other#1", "2"]]);
  });

  test.each([
    [{ read: "none", after: "delete" }, "would be gone"],
    [{ read: "lines", after: "delete", follow: true }, "has no end"],
    [{ read: "lines", after: "move" }, "needs a folder"],
    [{ read: "lines", to: "done" }, "only"],
  ] as const)("is refused where it makes no sense: %j", (options, why) => {
    expect(() => fileInput({ name: "files", path: "x", ...options })).toThrow(why);
  });

  test.each(["one file", "the folder itself to move to"])("refuses %s", async (what) => {
    await using watched = await Watched.make({ read: "lines" });
    await writeFile(watched.path("a"), "1\n");
    const options =
      what === "one file"
        ? { path: watched.path("a"), after: "delete" as const }
        : { after: "move" as const, to: watched.path("x/..") };
    await watched.start(options);
    await expect(watched.ended).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    expect(await list(watched.folder)).toContain("a");
  });
});

describe("a removal", () => {
  async function make(watched: Watched): Promise<{ place: Place; options: ResolvedOptions }> {
    const given = { path: watched.folder, read: "lines", after: "move", to: watched.path("done") } as const;
    const options = fileInputOptions.parse(given);
    return { options, place: await resolvePlace(options, "/") };
  }

  test("takes nothing else than what was told", async () => {
    await using watched = await Watched.make();
    const { options, place } = await make(watched);
    await writeFile(watched.path("a"), "told");
    const signature = signatureOf(await stat(watched.path("a"), { bigint: true }));
    await writeFile(watched.path("b"), "newer");
    await rename(watched.path("b"), watched.path("a"));
    const removal = createRemoval(options, place, "/");
    expect(await removal?.remove(place.location(watched.path("a")) ?? "", signature)).toBe(false);
    expect(await list(watched.folder)).toEqual(["a"]);
    await rm(watched.path("a"));
    expect(await removal?.remove(place.location(watched.path("a")) ?? "", signature)).toBe(true);
  });

  test("goes on where one that died had linked the file already, however long its name", async () => {
    await using watched = await Watched.make();
    const { options, place } = await make(watched);
    const name = "x".repeat(250);
    await writeFile(watched.path(name), "told");
    const signature = signatureOf(await lstat(watched.path(name), { bigint: true }));
    const removal = createRemoval(options, place, "/");
    await mkdir(watched.path("done"));
    await import("node:fs/promises").then(({ link }) =>
      link(watched.path(name), watched.path(`done/${name}`)),
    );
    expect(await removal?.remove(place.location(watched.path(name)) ?? "", signature)).toBe(true);
    expect(await list(watched.folder)).toEqual(["done", `done/${name}`]);
  });
});

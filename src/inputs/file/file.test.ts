import { appendFile, chmod, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { checkOptions } from "../../model/kind.ts";
import { SluiceError } from "../../model/errors.ts";
import { inputConformance, type InputSubject } from "../../testing/inputs/conformance.ts";
import { realClock } from "../../testing/real-clock.ts";
import { createSignal } from "../../testing/signal.ts";
import { Watched } from "./file.test-helper.ts";
import { fileInput } from "./index.ts";

async function create(): Promise<InputSubject> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-file-"));
  let told = 0;
  return {
    input: fileInput({ name: "files", path: folder, read: "text", stable: "5ms" }),
    context: { clock: realClock },
    tell: () => writeFile(join(folder, `${(told += 1)}.txt`), `${told}`),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

describe("a file input", () => {
  test.each(inputConformance({ create }))("$name", ({ run }) => run());

  test("tells of files that are new, changed and gone", async () => {
    await using watched = await Watched.make({ read: "text" });
    await writeFile(watched.path("there"), "before");
    await watched.start();
    await watched.context.waitFor(1);
    await writeFile(watched.path("new"), "one");
    await watched.context.waitFor(2);
    await writeFile(watched.path("new"), "two");
    await watched.context.waitFor(3);
    await rm(watched.path("new"));
    await watched.context.waitFor(4);
    expect(watched.told).toEqual([
      ["create", "there", "before"],
      ["create", "new", "one"],
      ["update", "new", "two"],
      ["delete", "new"],
    ]);
  });

  test("says where a file is, how large, and what it is known by, if its content is not read", async () => {
    await using watched = await Watched.make();
    await mkdir(watched.path("a/b"), { recursive: true });
    await writeFile(watched.path("a/b/c.bin"), "abc");
    await watched.start();
    await watched.context.waitFor(1);
    const location = watched.path("a/b/c.bin");
    expect(watched.context.emitted[0]).toMatchObject({
      location,
      id: location,
      key: location,
      operation: "create",
      data: {
        path: location,
        size: 3,
        sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      },
    });
  });

  test("tells, once started again, what happened meanwhile, and nothing twice", async () => {
    await using watched = await Watched.make({ read: "text" });
    for (const name of ["stays", "changes", "goes", "touched", "again"])
      await writeFile(watched.path(name), name);
    await watched.start();
    await watched.context.waitFor(5);
    await watched.stop();
    await writeFile(watched.path("changes"), "changed");
    await rm(watched.path("goes"));
    await utimes(watched.path("touched"), new Date(), new Date());
    await writeFile(watched.path("again"), "again");
    await writeFile(watched.path("new"), "new");
    await watched.start();
    await watched.context.waitFor(3);
    await watched.settled();
    expect(watched.sorted).toEqual([
      ["create", "new", "new"],
      ["delete", "goes"],
      ["update", "changes", "changed"],
    ]);
  });

  test("takes a file that comes again after its deletion, with the same content, for a new one", async () => {
    await using watched = await Watched.make({ read: "text" });
    await watched.start();
    for (const _ of [1, 2]) {
      const count = watched.context.emitted.length;
      await writeFile(watched.path("f"), "same");
      await watched.context.waitFor(count + 1);
      await rm(watched.path("f"));
      await watched.context.waitFor(count + 2);
    }
    expect(watched.told.map((event) => (event as string[])[0])).toEqual([
      "create",
      "delete",
      "create",
      "delete",
    ]);
  });

  test("with initial = false takes what is there as known, and tells what changes", async () => {
    await using watched = await Watched.make({ read: "text", initial: false });
    await writeFile(watched.path("old"), "old");
    await watched.start();
    await watched.settled();
    await writeFile(watched.path("new"), "new");
    await watched.context.waitFor(1);
    await writeFile(watched.path("old"), "changed");
    await watched.context.waitFor(2);
    expect(watched.told).toEqual([
      ["create", "new", "new"],
      ["update", "old", "changed"],
    ]);
  });

  test("leaves out names with a dot, and what editors and downloads are not done with", async () => {
    await using watched = await Watched.make();
    await mkdir(watched.path(".git"));
    for (const name of [".hidden", ".git/x", "a.tmp", "b.part", "c~", "#d#", "e.swp", "shown"])
      await writeFile(watched.path(name), name);
    await watched.start();
    await watched.context.waitFor(1);
    await writeFile(watched.path("later.crdownload"), "x");
    await writeFile(watched.path("later"), "x");
    await watched.context.waitFor(2);
    await watched.settled();
    expect(watched.told.map((event) => (event as string[])[1])).toEqual(["shown", "later"]);
  });

  test("takes a name that begins with two dots for one with a dot", async () => {
    await using watched = await Watched.make({ read: "text" });
    await writeFile(watched.path("..data"), "hidden");
    await mkdir(watched.path("..2026_11"));
    await writeFile(watched.path("..2026_11/key"), "hidden");
    await writeFile(watched.path("a"), "seen");
    await watched.start();
    await watched.context.waitFor(1);
    await watched.settled();
    expect(watched.told).toEqual([["create", "a", "seen"]]);
    await watched.stop();
    await watched.start({ dotfiles: true });
    await watched.context.waitFor(2);
    await writeFile(watched.path("..later"), "new");
    await watched.context.waitFor(3);
    expect(watched.sorted).toEqual([
      ["create", "..2026_11/key", "hidden"],
      ["create", "..data", "hidden"],
      ["create", "..later", "new"],
    ]);
  });

  test("takes a glob, a file, names to be left out", async () => {
    await using watched = await Watched.make();
    await mkdir(watched.path("sub"));
    for (const name of ["a.csv", "b.txt", "sub/c.csv", "x.csv"]) await writeFile(watched.path(name), name);
    const cases: [Parameters<typeof watched.start>[0], string[]][] = [
      [{ path: watched.path("*.csv") }, ["a.csv", "x.csv"]],
      [{ path: watched.path("**/*.csv") }, ["a.csv", "sub/c.csv", "x.csv"]],
      [{ path: watched.path("{a,b}.*"), ignore: ["*.txt"] }, ["a.csv"]],
      [{ path: watched.folder, ignore: ["sub/*", "a*"] }, ["b.txt", "x.csv"]],
      [{ path: watched.path("b.txt") }, ["b.txt"]],
    ];
    for (const [options, names] of cases) {
      await watched.start(options, { state: new Map() });
      await watched.context.waitFor(names.length);
      await watched.settled();
      // Files are read at a time: their order is none.
      expect(watched.sorted.map((event) => (event as string[])[1])).toEqual(names);
      await watched.stop();
    }
  });

  test("does not follow a link out of the folder unless told to", async () => {
    await using elsewhere = await Watched.make();
    await using watched = await Watched.make({ read: "text" });
    await writeFile(elsewhere.path("secret"), "secret");
    await symlink(elsewhere.path("secret"), watched.path("out"));
    await symlink(elsewhere.folder, watched.path("folder"));
    await writeFile(watched.path("file"), "file");
    await symlink(watched.path("file"), watched.path("in"));
    await symlink(watched.folder, watched.path("loop"));
    await watched.start();
    await watched.context.waitFor(2);
    await watched.settled();
    expect(watched.sorted).toEqual([
      ["create", "file", "file"],
      ["create", "in", "file"],
    ]);
    await watched.stop();
    await watched.start({ followSymlinks: true });
    await watched.context.waitFor(2);
    await watched.settled();
    expect(watched.sorted).toEqual([
      ["create", "folder/secret", "secret"],
      ["create", "out", "secret"],
    ]);
  });

  test.each(["./inbox", "./inbox/*.txt"])("says of %s where it looked for the folder", async (path) => {
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    await watched.start({ path });
    await expect
      .poll(() => watched.context.reported.error)
      .toMatchObject({ message: `${resolve("inbox")} cannot be read: it is not there` });
  });

  test("waits for a folder that is not there, says so, and takes nothing for deleted when it goes", async () => {
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    const path = watched.path("inbox");
    await watched.start({ path });
    await expect
      .poll(() => watched.context.reported.error)
      .toMatchObject({
        code: "SOURCE_UNAVAILABLE",
        message: `${path} cannot be read: it is not there`,
      });
    await mkdir(path);
    await writeFile(join(path, "f"), "1");
    await watched.context.waitFor(1);
    await rename(path, watched.path("away"));
    await watched.settled();
    await writeFile(watched.path("away/g"), "2");
    await rename(watched.path("away"), path);
    await watched.context.waitFor(2);
    await watched.settled();
    expect(watched.told).toEqual([
      ["create", "inbox/f", "1"],
      ["create", "inbox/g", "2"],
    ]);
  });

  test("says so when its folder becomes a file, or its file a folder, and tells nothing twice", async () => {
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    const [path, away] = [watched.path("inbox"), watched.path("away")];
    const complaint = (): unknown => (watched.context.reported.error as Error | undefined)?.message;
    await mkdir(path);
    await writeFile(join(path, "f"), "1");
    await watched.start({ path });
    await watched.context.waitFor(1);
    await rename(path, away);
    await writeFile(path, "a file");
    await expect.poll(complaint, { timeout: 10_000 }).toMatch(/is no folder|was a folder and is a file now/);
    await watched.settled();
    await rm(path);
    await writeFile(join(away, "g"), "2");
    await rename(away, path);
    await watched.context.waitFor(2);
    expect(watched.told).toEqual([
      ["create", "inbox/f", "1"],
      ["create", "inbox/g", "2"],
    ]);
    await watched.stop();
    await watched.start({ path: join(path, "f") });
    await rm(join(path, "f"));
    await mkdir(join(path, "f"));
    await expect.poll(complaint, { timeout: 10_000 }).toMatch(/f was a file and is a folder now/);
  });

  test("says that it cannot tell a file whose name is not UTF-8", async () => {
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    const bytes = (name: string): Buffer => Buffer.from(`${watched.folder}/${name}`, "latin1");
    await writeFile(bytes(".hidden\xff"), "left out");
    await writeFile(watched.path("really \ufffd"), "told");
    await watched.start();
    await watched.context.waitFor(1);
    expect(watched.context.reported.error).toBeUndefined();
    await mkdir(bytes("folder\xff"));
    await writeFile(bytes("file\xff"), "x");
    await expect
      .poll(() => watched.context.reported.error, { timeout: 10_000 })
      .toMatchObject({
        message: expect.stringMatching(/\/f[a-z]+\ufffd cannot be read: its name is not UTF-8/),
      });
    expect(watched.told).toEqual([["create", "really \ufffd", "told"]]);
  });

  test("is notified when its folder is removed and comes back", async () => {
    await using watched = await Watched.make({ read: "text" });
    const path = watched.path("inbox");
    await mkdir(path);
    await watched.start({ path });
    await rm(path, { recursive: true });
    await expect.poll(() => watched.context.reported.error, { timeout: 5_000 }).toBeDefined();
    await mkdir(path);
    await writeFile(join(path, "f"), "1");
    await watched.context.waitFor(1);
  });

  test("looks again and again where it cannot be notified", async () => {
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    await watched.start();
    await writeFile(watched.path("f"), "1");
    await watched.context.waitFor(1);
    await rm(watched.path("f"));
    await watched.context.waitFor(2);
    expect(watched.told).toEqual([
      ["create", "f", "1"],
      ["delete", "f"],
    ]);
  });

  test("waits until a file is written to its end", async () => {
    await using watched = await Watched.make({ read: "text", stable: "300ms" });
    await watched.start();
    for (let part = 0; part < 8; part += 1) {
      await appendFile(watched.path("f"), `${part}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([["create", "f", "01234567"]]);
  });

  test("is not misled by a file whose time lies ahead", async () => {
    await using watched = await Watched.make({ read: "text" });
    await writeFile(watched.path("f"), "1");
    await utimes(watched.path("f"), new Date("2100-01-01"), new Date("2100-01-01"));
    await watched.start();
    await watched.context.waitFor(1);
  });

  test("goes on with what the journal refused, once it is started again", async () => {
    await using watched = await Watched.make({ read: "lines" });
    await writeFile(watched.path("f"), "1\n2\n");
    const refused = createSignal();
    await watched.start(
      {},
      {
        beforeEmit() {
          refused.set();
          throw new SluiceError("JOURNAL_IO", "the disk is gone");
        },
      },
    );
    await expect(watched.ended).rejects.toMatchObject({ code: "JOURNAL_IO" });
    await watched.start();
    await watched.context.waitFor(2);
    expect(watched.told).toEqual([
      ["create", "f#1", "1"],
      ["create", "f#2", "2"],
    ]);
  });

  test("waits while the journal is busy", async () => {
    await using watched = await Watched.make({ read: "lines" });
    await writeFile(watched.path("f"), "1\n");
    let refusals = 0;
    const beforeEmit = (): void => {
      refusals += 1;
      if (refusals < 3) throw new SluiceError("JOURNAL_BACKLOG", "busy");
    };
    await watched.start({}, { beforeEmit });
    await watched.context.waitFor(1);
    expect(refusals).toBe(3);
  });

  test("tells of thousands of files once each, over a restart in between", { timeout: 60_000 }, async () => {
    await using watched = await Watched.make({ read: "text", stable: "1ms" });
    const count = 3_000;
    for (let i = 0; i < count; i += 1) await writeFile(watched.path(`${i}`), `${i}`);
    await watched.start();
    await watched.context.waitFor(100);
    await watched.stop();
    const first = watched.context.emitted.length;
    expect(first).toBeLessThan(count);
    const before = watched.told;
    await watched.start();
    await watched.context.waitFor(count - first);
    await watched.settled();
    expect(new Set([...before, ...watched.told].map((event) => (event as string[])[1])).size).toBe(count);
    expect(first + watched.told.length).toBe(count);
  });

  test("holds a file that it may not read, and goes on with the others", async ({ skip }) => {
    if (process.getuid?.() === 0) skip("root may read everything");
    await using watched = await Watched.make({ read: "text", pollInterval: "100ms" });
    await writeFile(watched.path("a"), "a");
    await chmod(watched.path("a"), 0o000);
    await writeFile(watched.path("b"), "b");
    await watched.start();
    await watched.context.waitFor(1);
    await chmod(watched.path("a"), 0o600);
    await watched.context.waitFor(2);
  });

  test.each([
    [{ path: "" }, "path"],
    [{ path: "a", read: "xml" }, "read"],
    [{ path: "a", follow: true }, "follow"],
    [{ path: "a", read: "csv", delimiter: ";;" }, "delimiter"],
    [{ path: "a", read: "csv", delimiter: '"' }, "quote"],
    [{ path: "a", read: "csv", header: ["a", "a"] }, "header"],
    [{ path: "a", pollInterval: "10ms" }, "pollInterval"],
    [{ path: "a", maxBytes: "much" }, "maxBytes"],
    [{ path: "a", onUndecodable: "ignore" }, "onUndecodable"],
    [{ path: "a", stable: "soon" }, "stable"],
  ])("refuses %j", (options, path) => {
    expect(() => checkOptions(fileInput, options, "files")).toThrow(
      expect.objectContaining({
        code: "INVALID_OPTIONS",
        details: expect.objectContaining({ path: [path] }),
      }),
    );
  });

  test("says by its check whether the folder is there", async () => {
    await using watched = await Watched.make();
    const check = (path: string): Promise<void> =>
      fileInput.check?.(checkOptions(fileInput, { path }, "files"), {
        directory: watched.folder,
      }) as Promise<void>;
    await writeFile(watched.path("f"), "");
    await check(".");
    await check("f");
    await check("*.csv");
    await expect(check("missing")).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
    await expect(check("f/x")).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
  });

  test("names files as its path does, relative to the config file's folder", async () => {
    await using watched = await Watched.make();
    await mkdir(watched.path("inbox"));
    await writeFile(watched.path("inbox/f"), "1");
    for (const [path, location] of [
      ["inbox", "inbox/f"],
      ["./inbox/", "inbox/f"],
      ["inbox/*", "inbox/f"],
      ["inbox/f", "inbox/f"],
      [".", "inbox/f"],
      ["*/f", "inbox/f"],
    ] as const) {
      const options = checkOptions(fileInput, { path, stable: "1ms" }, "files");
      const input = fileInput.create("files", options, { directory: watched.folder });
      await watched.run(input);
      await watched.context.waitFor(1);
      expect(watched.context.emitted[0]).toMatchObject({ location });
      await watched.stop();
    }
  });
});

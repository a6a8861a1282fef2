import { appendFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Watched } from "./file.test-helper.ts";

const csv = { read: "csv" } as const;

describe("the lines of a file", () => {
  test("are events, each with its number as its id and its file as its key", async () => {
    await using watched = await Watched.make({ read: "lines" });
    await writeFile(watched.path("f"), "\ufeffone\r\n\ntwo");
    await watched.start();
    await watched.context.waitFor(3);
    expect(watched.told).toEqual([
      ["create", "f#1", "one"],
      ["create", "f#2", ""],
      ["create", "f#3", "two"],
    ]);
    const location = watched.path("f");
    for (const event of watched.context.emitted) expect(event).toMatchObject({ location, key: location });
  });

  test("are all told again, as updates, if the file becomes another", async () => {
    await using watched = await Watched.make({ read: "lines" });
    await writeFile(watched.path("f"), "1\n2\n");
    await watched.start();
    await watched.context.waitFor(2);
    await writeFile(watched.path("f"), "1\n3\n");
    await watched.context.waitFor(4);
    await rm(watched.path("f"));
    await watched.context.waitFor(5);
    expect(watched.told.slice(2)).toEqual([
      ["update", "f#1", "1"],
      ["update", "f#2", "3"],
      ["delete", "f"],
    ]);
  });

  test("go on in the middle of a file, after a restart", async () => {
    await using watched = await Watched.make({ read: "lines" });
    const lines = Array.from({ length: 9_000 }, (_, i) => `line ${i + 1}`);
    await writeFile(watched.path("f"), lines.join("\n"));
    await watched.start();
    await watched.context.waitFor(1);
    await watched.stop();
    const first = watched.context.emitted.map((event) => event.data);
    expect(first.length).toBeLessThan(lines.length);
    await watched.start();
    await watched.context.waitFor(lines.length - first.length);
    await watched.settled();
    expect([...first, ...watched.context.emitted.map((event) => event.data)]).toEqual(lines);
  });

  test("begin anew if what was told of a file is not in it any more, after a restart in its middle", async () => {
    await using watched = await Watched.make({ read: "lines" });
    const lines = Array.from({ length: 9_000 }, (_, i) => `line ${i + 1}`);
    await writeFile(watched.path("f"), lines.join("\n"));
    await watched.start();
    await watched.context.waitFor(1);
    await watched.stop();
    await writeFile(watched.path("f"), "LINE 1\n");
    await watched.start();
    await watched.context.waitFor(1);
    await watched.settled();
    expect(watched.told).toEqual([["update", "f#1", "LINE 1"]]);
  });
});

describe("lines of JSON", () => {
  test("are values; blank ones are none", async () => {
    await using watched = await Watched.make({ read: "ndjson" });
    await writeFile(watched.path("f"), '{"a":1}\r\n\n  \n[2]\nnull');
    await watched.start();
    await watched.context.waitFor(3);
    expect(watched.told).toEqual([
      ["create", "f#1", { a: 1 }],
      ["create", "f#4", [2]],
      ["create", "f#5", null],
    ]);
  });

  test("that are none hold their file there until it is mended, and no other", async () => {
    await using watched = await Watched.make({ read: "ndjson" });
    await writeFile(watched.path("bad"), "1\n2\nthree\n4\n");
    await watched.start();
    await watched.context.waitFor(2);
    await expect
      .poll(() => watched.context.reported)
      .toMatchObject({
        error: { code: "INVALID_FILE", details: { location: watched.path("bad"), line: 3 } },
        lag: { details: { held: 1, skipped: 0 } },
      });
    await writeFile(watched.path("good"), "5\n");
    await watched.context.waitFor(3);
    await writeFile(watched.path("bad"), "1\n2\n3\n4\n");
    await watched.context.waitFor(5);
    await watched.settled();
    expect(watched.told).toEqual([
      ["create", "bad#1", 1],
      ["create", "bad#2", 2],
      ["create", "good#1", 5],
      ["create", "bad#3", 3],
      ["create", "bad#4", 4],
    ]);
    expect(watched.context.reported.lag?.details).toEqual({ held: 0, skipped: 0 });
  });

  test.each([
    ["no JSON", "no"],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["too long", `"${"x".repeat(200)}"`],
    ["too deep", `${"[".repeat(2_000)}${"]".repeat(2_000)}`],
  ])("that are %s are left out if they shall be, logged and counted", async (name, bad) => {
    const limit = name === "too deep" ? {} : { maxBytes: 100 };
    await using watched = await Watched.make({ read: "ndjson", onUndecodable: "skip", ...limit });
    await writeFile(
      watched.path("f"),
      Buffer.concat([Buffer.from("1\n"), Buffer.from(bad), Buffer.from("\n2\n")]),
    );
    const logged: unknown[] = [];
    const warn = (fields: object): void => void logged.push(fields);
    const quiet = (): void => undefined;
    await watched.start({}, { logger: { debug: quiet, info: quiet, warn, error: quiet } });
    await watched.context.waitFor(2);
    await watched.settled();
    expect(watched.told).toEqual([
      ["create", "f#1", 1],
      ["create", "f#3", 2],
    ]);
    const message = expect.stringContaining(`${watched.path("f")}:2 cannot be read: `);
    expect(logged).toEqual([expect.objectContaining({ err: expect.objectContaining({ message }) })]);
    expect(watched.context.reported.lag?.details).toEqual({ held: 0, skipped: 1 });
  });
});

describe("rows of CSV", () => {
  test("are objects of the header's names", async () => {
    await using watched = await Watched.make(csv);
    await writeFile(watched.path("f"), '\ufeffid,name\r\n1,"a ""b"", c"\r\n\r\n2,"two\nlines"\r\n3,ü\r\n');
    await watched.start();
    await watched.context.waitFor(3);
    expect(watched.told).toEqual([
      ["create", "f#2", { id: "1", name: 'a "b", c' }],
      ["create", "f#4", { id: "2", name: "two\nlines" }],
      ["create", "f#6", { id: "3", name: "ü" }],
    ]);
  });

  test.each([
    [{ header: false }, "1;2", ["create", "f#1", ["1", "2"]]],
    [{ header: ["a", "b"] }, "1;2", ["create", "f#1", { a: "1", b: "2" }]],
    [{ quote: "'" }, "a;b\n'1;2';3", ["create", "f#2", { a: "1;2", b: "3" }]],
    [{ quote: "" }, 'a;b\n"1;2', ["create", "f#2", { a: '"1', b: "2" }]],
    [{ quote: '"' }, 'a;b\n1"x;2', undefined],
  ])("are read as %j says", async (options, content, expected) => {
    await using watched = await Watched.make({ ...csv, delimiter: ";", ...options });
    await writeFile(watched.path("f"), content);
    await watched.start();
    if (expected === undefined) {
      await expect.poll(() => watched.context.reported.error).toMatchObject({ details: { line: 2 } });
      return;
    }
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([expected]);
  });

  test("keep columns with names that objects have anyway", async () => {
    await using watched = await Watched.make(csv);
    await writeFile(watched.path("f"), "__proto__,constructor\n1,2\n");
    await watched.start();
    await watched.context.waitFor(1);
    expect(JSON.stringify(watched.context.emitted[0]?.data)).toBe('{"__proto__":"1","constructor":"2"}');
  });

  test("with another number of fields are faults that name file and line", async () => {
    await using watched = await Watched.make(csv);
    await writeFile(watched.path("f"), "a,b\n1,2\n3\n4,5\n");
    await watched.start();
    await expect
      .poll(() => watched.context.reported.error)
      .toMatchObject({
        message: `${watched.path("f")}:3 cannot be read: it has 1 fields in place of 2`,
      });
    await watched.stop();
    expect(watched.told).toEqual([["create", "f#2", { a: "1", b: "2" }]]);
    await watched.start({ onUndecodable: "skip" });
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([["create", "f#4", { a: "4", b: "5" }]]);
  });

  test("under a header that names a column twice are not guessed at", async () => {
    await using watched = await Watched.make({ ...csv, onUndecodable: "skip" });
    await writeFile(watched.path("f"), "a,a\n1,2\n");
    await watched.start();
    await expect.poll(() => watched.context.reported.error).toMatchObject({ code: "INVALID_FILE" });
    expect(watched.told).toEqual([]);
  });

  test("go on under their header after a restart in the middle of a file", async () => {
    await using watched = await Watched.make(csv);
    const rows = Array.from({ length: 9_000 }, (_, i) => `${i},"x\ny"`);
    await writeFile(watched.path("f"), `id,text\n${rows.join("\n")}\n`);
    await watched.start();
    await watched.context.waitFor(1);
    await watched.stop();
    const first = watched.context.emitted.length;
    expect(first).toBeLessThan(9_000);
    await watched.start();
    await watched.context.waitFor(9_000 - first);
    expect(watched.context.emitted.at(-1)).toMatchObject({
      id: `${watched.path("f")}#18000`,
      data: { id: "8999", text: "x\ny" },
    });
  });
});

describe("a whole file", () => {
  test.each([
    ["json", "{", "it is not JSON"],
    ["json", `"${"x".repeat(200)}"`, "more than max_bytes"],
    ["text", "x".repeat(200), "more than max_bytes"],
    ["text", Buffer.from([0xc3]), "it is not valid UTF-8"],
  ] as const)("of %s that is none (%s) is held until it is mended", async (read, bad, why) => {
    await using watched = await Watched.make({ read, maxBytes: 100 });
    await writeFile(watched.path("f"), bad);
    await watched.start();
    await expect
      .poll(() => watched.context.reported.error)
      .toMatchObject({
        code: "INVALID_FILE",
        message: expect.stringContaining(why),
      });
    await writeFile(watched.path("f"), '\ufeff"good"');
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([["create", "f", read === "json" ? "good" : '"good"']]);
  });
});

describe("a followed file", () => {
  const follow = { read: "lines", follow: true } as const;

  test("is told line by line, once each is whole, over a restart too", async () => {
    await using watched = await Watched.make(follow);
    await writeFile(watched.path("f"), "1\n2");
    await watched.start();
    await watched.context.waitFor(1);
    await appendFile(watched.path("f"), "2\n3\n");
    await watched.context.waitFor(3);
    await watched.stop();
    expect(watched.told).toEqual([
      ["create", "f#1", "1"],
      ["create", "f#2", "22"],
      ["create", "f#3", "3"],
    ]);
    await appendFile(watched.path("f"), "4\n");
    await watched.start();
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([["create", "f#4", "4"]]);
  });

  test("begins anew where it was cut off", async () => {
    await using watched = await Watched.make(follow);
    await writeFile(watched.path("f"), "1\n2\n");
    await watched.start();
    await watched.context.waitFor(2);
    await truncate(watched.path("f"));
    await appendFile(watched.path("f"), "3\n");
    await watched.context.waitFor(3);
    expect(watched.told.at(-1)).toEqual(["create", "f#1", "3"]);
  });

  test.each([
    ["does not count any more", "f", "live"],
    ["does not count any more, while it was away", "f", "away"],
    ["still counts", "", "live"],
    ["still counts, while it was away", "", "away"],
  ])(
    "that is rotated to where it %s is told to its end, and the new one from its start",
    async (_, only, when) => {
      await using watched = await Watched.make(follow);
      const path = watched.path(only);
      await writeFile(watched.path("f"), "1\n");
      await watched.start({ path });
      await watched.context.waitFor(1);
      if (when === "away") await watched.stop();
      const before = watched.context.emitted.map(({ data }) => data);
      await appendFile(watched.path("f"), "2\n");
      await rename(watched.path("f"), watched.path("f.1"));
      await writeFile(watched.path("f"), "3\n");
      if (when === "away") await watched.start({ path });
      await watched.context.waitFor(when === "away" ? 2 : 3);
      await appendFile(watched.path("f"), "4\n");
      await watched.context.waitFor(when === "away" ? 3 : 4);
      await watched.settled();
      const data = watched.context.emitted.map((event) => event.data);
      expect(when === "away" ? [...before, ...data] : data).toEqual(["1", "2", "3", "4"]);
    },
  );

  test("with initial = false is told from where it ends at the first start", async () => {
    await using watched = await Watched.make({ ...follow, initial: false });
    await writeFile(watched.path("f"), "1\n2\n");
    await watched.start();
    await watched.settled();
    await appendFile(watched.path("f"), "3\n");
    await watched.context.waitFor(1);
    expect(watched.told).toEqual([["create", "f#3", "3"]]);
  });

  test("of CSV is told row by row under its header", async () => {
    await using watched = await Watched.make({ read: "csv", follow: true });
    await writeFile(watched.path("f"), 'a,b\n1,"x');
    await watched.start();
    await watched.settled();
    await appendFile(watched.path("f"), '\ny"\n2,z\n');
    await watched.context.waitFor(2);
    expect(watched.told).toEqual([
      ["create", "f#2", { a: "1", b: "x\ny" }],
      ["create", "f#4", { a: "2", b: "z" }],
    ]);
  });
});

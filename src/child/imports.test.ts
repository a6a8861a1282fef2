import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { importsOf } from "./imports.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-imports-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

for (const name of ["a.ts", "b.ts", "c.mjs", "d.cjs", "e.json", "f.ts", "types.ts", "with space.ts"])
  write(name, "");
mkdirSync(join(folder, "lib"));
write("lib/index.js", "require('../d')");

test.each([
  ['import { one } from "./a.ts";', ["a.ts"]],
  ["import one, { two as three } from './a.ts'\nimport './b.ts'", ["a.ts", "b.ts"]],
  ['import{one}from"./a.ts";export*from"./b.ts";export { two } from "./c.mjs"', ["a.ts", "b.ts", "c.mjs"]],
  ["import {\n  one, // of them\n  two,\n} from './a.ts';", ["a.ts"]],
  [
    'const { one } = await import("./a.ts"); const data = require("./e.json");',
    ["e.json", "a.ts"].toSorted(),
  ],
  ['import data from "./e.json" with { type: "json" };', ["e.json"]],
  ['const lib = require("./lib");', ["lib/index.js"]],
  ['import one from "./with%20space.ts?v=1";', ["with space.ts"]],
  ['import type { One } from "./types.ts"; export type { Two } from "./types.ts";', []],
  ['import pg from "pg"; import { z } from "zod"; import "node:fs";', []],
  ['import one from "./nowhere.ts"; import "./lib";', ["lib/index.js"]],
  ["const text = 'no imports';", []],
])("of %j", (text, names) => {
  const found = importsOf(write("entry.ts", text)).map((file) => file.slice(folder.length + 1));
  expect(found.toSorted()).toEqual(names.toSorted());
});

test("what is imported is followed, in circles too", () => {
  write("a.ts", 'import "./b.ts";');
  write("b.ts", 'import "./entry.ts"; import "./f.ts";');
  expect(importsOf(write("entry.ts", 'import "./a.ts"')).map((file) => basename(file))).toEqual([
    "a.ts",
    "b.ts",
    "f.ts",
  ]);
});

test.each([
  ["spaces without end", `export${" ".repeat(990_000)}`],
  ["keywords with spaces", `import${" ".repeat(1_000)}`.repeat(900)],
  ["places without a path", `${"import ".repeat(290)}from${" ".repeat(980_000)}`],
  ["a call that never opens", `require${" ".repeat(100_000)}`.repeat(9)],
])("a text of %s is looked through in no time", (_, text) => {
  const began = performance.now();
  expect(importsOf(write("entry.ts", text))).toEqual([]);
  // Before, seconds: a plan is made while the pipeline runs.
  expect(performance.now() - began).toBeLessThan(1_000);
});

test("a pipe, a folder, a link to itself and what is no path are no imports, and hold nothing up", () => {
  execFileSync("mkfifo", [join(folder, "pipe.ts")]);
  symlinkSync(join(folder, "loop.ts"), join(folder, "loop.ts"));
  const names = ["pipe.ts", "lib2", "loop.ts", "%00.ts", `${"x".repeat(5_000)}.ts`, "../../dev/zero"];
  mkdirSync(join(folder, "lib2"));
  expect(importsOf(write("entry.ts", names.map((name) => `import "./${name}";`).join("\n")))).toEqual([]);
});

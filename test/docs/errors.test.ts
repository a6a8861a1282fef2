import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/reference/errors.md"), "utf8");
const source = readFileSync(join(root, "src/model/errors.ts"), "utf8");

const [, union = ""] = /export type ErrorCode =([^;]+);/.exec(source) ?? [];
const inCode = [...union.matchAll(/^\s*\| "([A-Z_]+)"/gm)].map(([, code]) => code as string);
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+) \| (.+) \|$/gm)];

test("the page explains every code, in the order of the code, and no other", () => {
  expect(inCode.length).toBeGreaterThan(50);
  expect(rows.map(([, code]) => code)).toEqual(inCode);
});

test("every code has a meaning and says what to do", () => {
  for (const [, code, meaning, remedy] of rows) {
    expect(meaning?.trim().length, code).toBeGreaterThan(10);
    expect(remedy?.trim().length, code).toBeGreaterThan(5);
  }
});

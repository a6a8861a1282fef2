import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CATCHERS, MUTANTS } from "./mutants.ts";

const ROOT = join(import.meta.dirname, "../..");
const COPIED = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"];

/** Defects are made in a copy: whatever happens, the sources stay as they are. */
let copy: string;
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "sluice-mutants-"));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

/** Whether these tests pass in the copy. */
function passes(tests: string): boolean {
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const env = { ...process.env, SLUICE_TEST_LONG: "", SLUICE_TEST_SHRINK: "0" };
  return spawnSync(process.execPath, [vitest, "run", tests, "--bail=1"], { cwd: copy, env }).status === 0;
}

describe("the tests that hold up the promise", () => {
  it.each(Object.values(CATCHERS))("pass as long as nothing is wrong: %s", (tests) => {
    expect(passes(tests)).toBe(true);
  });

  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))("fail if %s", (_, mutant) => {
    const { file, text, instead, caughtBy } = mutant;
    const path = join(copy, file);
    const source = readFileSync(path, "utf8");
    expect(source.split(text), `the defect's place in ${file}`).toHaveLength(2);
    try {
      writeFileSync(
        path,
        source.replace(text, () => instead),
      );
      expect(passes(CATCHERS[caughtBy])).toBe(false);
    } finally {
      writeFileSync(path, source);
    }
  });
});

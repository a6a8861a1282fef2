import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSmallFile } from "./small-file.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-small-"));
  for (const [name, text] of Object.entries({ empty: "", whole: "x".repeat(300_000), huge: "" }))
    writeFileSync(join(folder, name), text);
  truncateSync(join(folder, "huge"), 3_000_000_000);
  symlinkSync("whole", join(folder, "link"));
  symlinkSync("round", join(folder, "round"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["empty", 0],
  ["whole", 300_000],
  ["link", 300_000],
])("%s is read whole", (name, size) => {
  expect(readSmallFile(join(folder, name), 300_000)).toHaveLength(size);
});

test.each([
  ["whole", /^it has more than 299999 bytes$/],
  ["huge", /^it has more than 299999 bytes$/],
  ["pipe", /^it is not a regular file$/],
  [".", /^it is not a regular file$/],
  ["/dev/zero", /^it is not a regular file$/],
  ["round", /^ELOOP/],
  ["none", /^there is no such file$/],
  ["whole/none", /^ENOTDIR/],
])("%s is refused, and nothing is waited for", (name, why) => {
  const path = name.startsWith("/") ? name : join(folder, name);
  expect(() => readSmallFile(path, 299_999)).toThrow(why);
});

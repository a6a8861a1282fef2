import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkClock, checkDisk, checkNode } from "./machine.ts";

const NOW = Date.parse("2026-11-24T10:00:00Z");

test("Node and its SQLite are named", () => {
  expect(checkNode().message).toMatch(/^Node \d+\.\d+\.\d+ with SQLite \d/);
});

test("a clock that cannot be right, or was set back, is found", () => {
  expect(checkClock(undefined, NOW).level).toBe("ok");
  expect(checkClock(NOW - 5, NOW).level).toBe("ok");
  expect(checkClock(NOW + 3_600_000, NOW)).toMatchObject({
    level: "warning",
    message: expect.stringContaining("3600 s"),
  });
  expect(checkClock(undefined, 0)).toMatchObject({ level: "failed", cure: expect.stringContaining("clock") });
});

test("the disk is tried where the journal will be, and nothing is left behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-doctor-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [sync, space] = await checkDisk(join(folder, "not/yet/there/journal.db"));
  expect(sync).toMatchObject({ check: "sync", message: expect.stringContaining(folder) });
  expect(sync?.level).not.toBe("failed");
  expect(space).toMatchObject({ check: "disk", message: expect.stringMatching(/^\d+ MB are free/) });
  expect(readdirSync(folder)).toEqual([]);
});

test("a folder that cannot be written is a failure with its cure", async () => {
  const [sync] = await checkDisk("/proc/journal.db");
  expect(sync).toMatchObject({ level: "failed", cure: expect.stringContaining("writable") });
});

import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { isSluiceError } from "../../model/errors.ts";
import { silentLogger } from "../../model/logger.ts";
import { createUidSource } from "../../model/uid.ts";
import { createFakeClock } from "../../testing/clock.ts";
import { JournalTester } from "../../testing/journal/tester.ts";
import { createSqliteJournal } from "./driver.ts";
import { mountSmallDisk } from "./small-disk.test-helper.ts";

describe("a SQLite journal on a disk that is full", () => {
  it("acknowledges nothing that it could not keep, and works again when there is space", async ({ skip }) => {
    const disk = mountSmallDisk(2);
    if (disk === undefined) {
      skip("this user may not mount a small file system");
      return;
    }
    const file = path.join(disk.folder, "journal.db");
    const ballast = path.join(disk.folder, "ballast");
    const clock = createFakeClock();
    const open = async () => {
      const journal = await createSqliteJournal(file).open({
        clock,
        random: Math.random,
        logger: silentLogger,
      });
      return new JournalTester(journal, clock, createUidSource(Math.random));
    };
    try {
      writeFileSync(ballast, Buffer.alloc(1_000_000));
      const before = await open();
      const acknowledged: string[] = [];
      const data = JSON.stringify("x".repeat(4_000));
      let failure: unknown;
      while (failure === undefined) {
        await before.emit({ data }).then(
          (uid) => acknowledged.push(uid),
          (error: unknown) => (failure = error),
        );
      }
      expect(isSluiceError(failure, "JOURNAL_FULL")).toBe(true);
      expect(before.journal.health().ok).toBe(false);
      expect(acknowledged.length).toBeGreaterThan(10);
      rmSync(ballast);
      acknowledged.push(await before.emit({ data }));
      expect(before.journal.health().ok).toBe(true);
      await before.journal.close();
      const after = await open();
      expect((await after.takeAll()).map((claim) => claim.event.uid)).toEqual(acknowledged);
      await after.journal.close();
    } finally {
      disk.unmount();
    }
  });
});

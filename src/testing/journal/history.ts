import { describe } from "vitest";
import { testAttempts } from "./history/attempts.ts";
import { testEvents } from "./history/events.ts";
import { testOverviews } from "./history/overviews.ts";
import { testRuns } from "./history/runs.ts";
import type { JournalSubject } from "./subject.ts";

/** What people read. */
export function testHistory(subject: JournalSubject): void {
  describe("history", () => {
    testEvents(subject);
    testRuns(subject);
    testAttempts(subject);
    testOverviews(subject);
  });
}

import { describe } from "vitest";
import { testControl } from "./control.ts";
import { testDedupe } from "./dedupe.ts";
import { testDurability } from "./durability.ts";
import { testFencing } from "./fencing.ts";
import { testHistory } from "./history.ts";
import { testOrder } from "./order.ts";
import { testPostpone } from "./postpone.ts";
import { testRandomLife } from "./random-life.ts";
import { testRecovery } from "./recovery.ts";
import { testRelease } from "./release.ts";
import { testReplay } from "./replay.ts";
import { testRetryTimes } from "./retry-times.ts";
import { testState } from "./state.ts";
import type { JournalSubject } from "./subject.ts";
import { testTakeAndSettle } from "./take-and-settle.ts";

export type { JournalPlace, JournalSubject } from "./subject.ts";

/** Holds a journal against all that the ports promise. To be called from a test file of vitest's. */
export function testJournal(subject: JournalSubject): void {
  describe(`journal conformance: ${subject.name}`, () => {
    testTakeAndSettle(subject);
    testDedupe(subject);
    testOrder(subject);
    testFencing(subject);
    testRetryTimes(subject);
    testPostpone(subject);
    testRelease(subject);
    testControl(subject);
    testReplay(subject);
    testState(subject);
    testHistory(subject);
    testDurability(subject);
    testRecovery(subject);
    testRandomLife(subject);
  });
}

import { RUNS_PER_EVENT, WAITING } from "../../run-code.ts";
import type { Forgotten } from "../../work.ts";
import { toStoredText } from "../stored-text.ts";
import { orderingKeyOf } from "./find-runs.ts";
import type { Row, Transaction } from "./transaction.ts";

/** Events that one transaction looks at: appends must not wait for a journal of millions to be read. */
const LOOKED_AT = 20_000;

/** Blanks what events of a key carry; see `Control`. What is overwritten is zeroed in the file. */
export function forget(tx: Transaction, key: string, after: number): Forgotten {
  const stored = toStoredText(key);
  const { statements, database } = tx;
  const [end] = statements.forgetEnd.get(after, LOOKED_AT) as unknown as Row;
  const last = (end as number | null) ?? after;
  const candidates = statements.forgetCandidates.all(after, last, stored) as unknown as Row[];
  let events = 0;
  let open = 0;
  database.exec("pragma secure_delete = on");
  try {
    for (const [seq] of candidates as [number][]) {
      if (orderingKeyOf(tx, seq) !== stored) continue;
      const range = [seq * RUNS_PER_EVENT, seq * RUNS_PER_EVENT + RUNS_PER_EVENT - 1] as const;
      if (statements.forgetOpen.get(...range, WAITING) !== undefined) {
        open += 1;
        continue;
      }
      events += 1;
      statements.forgetEvent.run(seq);
      statements.forgetRuns.run(...range);
      statements.forgetAttempts.run(...range);
      statements.forgetLogs.run(...range);
    }
  } finally {
    database.exec("pragma secure_delete = off");
  }
  return { events, open, next: last === after ? null : last };
}

import type { RunState } from "../../../model/run.ts";
import type { Counters } from "../../history.ts";
import { isoTime } from "../../../model/event.ts";
import { RUNNING, RUNS_PER_EVENT, STATE_NAMES } from "../../run-code.ts";
import { EVENTS_COUNTER } from "../writer/counters.ts";
import type { Tables, Taken } from "./tables.ts";

/** Reads what the writer counts; what is taken is moved from its state on disk to `running`. */
export function readCounters(tables: Tables, taken: Taken): Counters {
  const events: Record<string, number> = {};
  const runs: Record<string, Partial<Record<RunState, number>>> = {};

  function add(process: string, code: number, by: number): void {
    const states = (runs[process] ??= {});
    const state = STATE_NAMES[code] as RunState;
    const count = (states[state] ?? 0) + by;
    if (count === 0) delete states[state];
    else states[state] = count;
  }

  for (const [kind, name, count] of tables.all("select kind, name, count from counters where count <> 0") as [
    number,
    number,
    number,
  ][]) {
    if (kind === EVENTS_COUNTER) events[tables.nameOf(name)] = count;
    else if (kind < RUNNING) add(tables.nameOf(name), kind, count);
  }
  for (const { key, fence } of taken.values()) {
    const [row] = tables.all("select process, state, fence from runs where id = ?", key) as [
      number,
      number,
      number,
    ][];
    if (row === undefined || row[1] > 1 || row[2] >= fence) continue;
    const process = tables.nameOf(row[0]);
    add(process, row[1], -1);
    add(process, RUNNING, 1);
  }
  return { events, runs, oldest: oldestOf(tables, runs) };
}

/** Of those without a time to wait for: the index has them in their order. */
function oldestOf(tables: Tables, runs: Counters["runs"]): Record<string, string> {
  const oldest = Object.keys(runs).flatMap((process) => {
    const [row] = tables.all(
      `select e.accepted from runs r indexed by runs_due join events e on e.seq = r.id / ${RUNS_PER_EVENT}
        where r.process = ? and r.due = 0 and r.state <= 1 order by r.id limit 1`,
      tables.idOf(process) ?? -1,
    );
    return row === undefined ? [] : [[process, isoTime(row[0] as number)] as const];
  });
  return Object.fromEntries(oldest);
}

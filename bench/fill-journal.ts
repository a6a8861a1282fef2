import { DatabaseSync } from "node:sqlite";
import { EVENTS_COUNTER, SEQ_COUNTER } from "../src/journal/sqlite/writer/counters.ts";
import { RUNS_PER_EVENT } from "../src/journal/run-code.ts";
import { Ledger } from "./ledger.ts";
import { createSluice } from "./sluice.ts";
import { USUAL_PAYLOAD } from "./subject.ts";

/**
 * Makes a journal with so many events, each with one succeeded run: the first of them by the engine itself, the
 * others as copies of it, with identities of their own that grow with time as real ones do.
 */
export async function fillJournal(path: string, events: number): Promise<void> {
  const first = createSluice(
    { journal: `sqlite:${path}`, processes: 1, payload: USUAL_PAYLOAD },
    new Ledger(1, 1),
  );
  await first.start();
  await first.emit("0");
  await first.idle();
  await first.stop();
  const database = new DatabaseSync(path);
  const copies = events - 1;
  database.exec(`
    pragma synchronous = off;
    pragma cache_size = -262144;
    begin;
    create temp table copy(number integer primary key);
    insert into copy with recursive counting(number) as (
      select 1 union all select number + 1 from counting where number < ${copies}
    ) select number from counting;
    insert into events(seq, uid, source, location, operation, id, key, time, accepted, data, headers, cause, dedupe)
      select seq + number,
        unhex(printf('%012x7%03x8', time - ${copies} / 100 + number / 100, number % 4096)
          || substr(hex(randomblob(8)), 2)),
        source, location, operation, id || number, key, time, accepted, data, headers, cause, dedupe
      from copy, (select * from events order by seq limit 1);
    insert into runs(id, process, state, attempts, due, fence, started, finished, version, line, delay, code, message, replay, replay_of, data)
      select id + number * ${RUNS_PER_EVENT}, process, state, attempts, due, fence + number, started, finished,
        version, line, delay, code, message, replay, replay_of, data
      from copy, (select * from runs order by id limit 1);
    update counters set count = count + ${copies}
      where kind in (${EVENTS_COUNTER}, ${SEQ_COUNTER}) or kind = (select state from runs order by id limit 1);
    commit;
    pragma wal_checkpoint(truncate);
  `);
  database.close();
}

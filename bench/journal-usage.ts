// What a journal cost: read from the file, before and after.
import { existsSync, readFileSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { BATCH_COUNTER } from "../src/journal/sqlite/writer/counters.ts";

export interface Usage {
  /** Of the file, in bytes. */
  readonly size: number;
  /** Transactions since it was made, each brought to the disk by one sync. */
  readonly commits: number;
  /** Bytes that this process has caused to be written to disks. */
  readonly written: number;
}

/** Of a journal that nobody holds open; of one that is not there yet, nothing. */
export function readUsage(path: string): Usage {
  const written = bytesWritten();
  if (!existsSync(path)) return { size: 0, commits: 0, written };
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare("select count from counters where kind = ?").get(BATCH_COUNTER);
  database.close();
  return { size: statSync(path).size, commits: Number(row?.["count"] ?? 0), written };
}

/** By the event. */
export function spent(before: Usage, after: Usage, events: number): Usage {
  return {
    size: (after.size - before.size) / events,
    commits: (after.commits - before.commits) / events,
    written: (after.written - before.written) / events,
  };
}

/** By Linux's account; 0 elsewhere. */
function bytesWritten(): number {
  if (!existsSync("/proc/self/io")) return 0;
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1] ?? 0);
}

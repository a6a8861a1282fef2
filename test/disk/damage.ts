import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { silentLogger } from "../../src/model/logger.ts";
import { createUidSource } from "../../src/model/uid.ts";
import { isSluiceError } from "../../src/model/errors.ts";
import type { Page } from "../../src/journal/history.ts";
import { createSqliteJournal } from "../../src/journal/sqlite/driver.ts";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { createFakeClock } from "../../src/testing/clock.ts";
import { DEAD, JournalTester, seeded } from "../../src/testing/journal/tester.ts";

/** What was acknowledged, as the client wrote it down. */
export interface Written {
  /** Data by uid, in the order of the commits. */
  readonly events: Map<string, string>;
  /** State by the run's id. */
  readonly runs: Map<string, string>;
  /** Runs that may be taken. */
  readonly due: Set<string>;
  /** How many of the events, the last ones, stand in the write-ahead log alone: one commit each. */
  readonly inLog: number;
}

/** A journal as its owner left it: closed, or killed with part of it still in the log. */
export interface Image {
  readonly folder: string;
  readonly file: string;
  remove(): Promise<void>;
  readonly written: Written;
}

const IN_LOG = 30;

/** @param life for other uids than another life's */
async function open(file: string, life = 1): Promise<JournalTester> {
  const clock = createFakeClock();
  const journal = await createSqliteJournal(file).open({ clock, random: seeded(2), logger: silentLogger });
  return new JournalTester(journal, clock, createUidSource(seeded(life)));
}

/** Some 1,500 events: most succeeded, some dead, some due, some waiting for their key. */
export async function makeImage(kind: "closed" | "killed"): Promise<Image> {
  const place = await createSqlitePlace();
  const written: Written = {
    events: new Map(),
    runs: new Map(),
    due: new Set(),
    inLog: kind === "killed" ? IN_LOG : 0,
  };
  const note = (uid: string, data: string, process: string, state: string): void => {
    written.events.set(uid, data);
    written.runs.set(`${uid}/${process}`, state);
    if (state === "queued") written.due.add(`${uid}/${process}`);
  };
  const data = (n: number): string => JSON.stringify({ n, text: "x".repeat(200) });
  let t = await open(place.file);
  const uids = await t.emitMany(1_200, (n) => ({ id: String(n), data: data(n) }));
  const claims = await t.take("work", 900);
  await t.commit({ settle: claims.map((claim, n) => t.outcome(claim, n % 30 === 0 ? DEAD : undefined)) });
  for (const [n, uid] of uids.entries())
    note(uid, data(n), "work", n >= 900 ? "queued" : n % 30 === 0 ? "dead" : "succeeded");
  const keyed = await t.emitMany(200, (n) => {
    const key = `key-${n % 20}`;
    return { key, data: data(n), to: [{ process: "line", key }] };
  });
  for (const [n, uid] of keyed.entries()) note(uid, data(n), "line", n < 20 ? "queued" : "waiting");
  await t.journal.close();
  if (kind === "closed") return { ...place, written };
  // The next owner brings the log home as it opens: what comes after stands in the log alone.
  t = await open(place.file, 2);
  for (let n = 0; n < IN_LOG; n += 1) note(await t.emit({ data: data(n) }), data(n), "work", "queued");
  const left = `${place.file}.left`;
  // By another process: a file that this one closes would lose the locks that SQLite holds on it.
  for (const suffix of ["", "-wal", "-owner"]) execFileSync("cp", [place.file + suffix, left + suffix]);
  await t.journal.close();
  return { ...place, file: left, written };
}

/** A copy of the image, to be damaged. */
function copyOf(image: Image): string {
  const { folder, file } = image;
  const copy = join(folder, "copy.db");
  for (const suffix of ["", "-wal", "-shm", "-owner"]) {
    rmSync(copy + suffix, { force: true });
    if (existsSync(file + suffix) && suffix !== "-shm") copyFileSync(file + suffix, copy + suffix);
  }
  return copy;
}

export type Finding =
  /** All of it, as it was written. */
  | { readonly type: "complete" }
  /** All that was committed up to some commit, and nothing of what came after. */
  | { readonly type: "prefix"; readonly events: number }
  /** It was said that the file is damaged. */
  | { readonly type: "reported"; readonly message: string }
  /** As many rows as there were, but something in them is another. */
  | { readonly type: "altered"; readonly what: string }
  /** Rows are missing, and nobody said so. */
  | { readonly type: "shorter"; readonly what: string };

/** Opens the journal as its owner, reads all that can be read and takes all that can be taken. */
async function examine(file: string, written: Written): Promise<Finding> {
  let t: JournalTester | undefined;
  try {
    t = await open(file);
    const { history } = t.journal;
    const events = await all((page) => history.events(page));
    const runs = await all((page) => history.runs(page));
    const dead = await all((page) => history.runs({ ...page, state: "dead" }));
    const taken = [...(await t.takeAll("work")), ...(await t.takeAll("line"))];
    // A refill that failed is told by the journal's health: nobody awaits it.
    const health = t.journal.health();
    if (!health.ok) throw health.error;
    return compare(written, {
      events: events.map(({ uid, data }) => [uid, JSON.stringify(data)]),
      runs: runs.map(({ id, state }) => [id, state]),
      dead: dead.map((run) => run.id),
      due: taken.map(({ event, process }) => `${event.uid}/${process}`),
    });
  } catch (error) {
    if (!isSluiceError(error, "JOURNAL_DAMAGED")) throw error;
    return { type: "reported", message: error.message };
  } finally {
    await t?.journal.close().catch(() => undefined);
  }
}

interface Found {
  readonly events: readonly (readonly [uid: string, data: string])[];
  readonly runs: readonly (readonly [id: string, state: string])[];
  readonly dead: readonly string[];
  readonly due: readonly string[];
}

function compare(written: Written, found: Found): Finding {
  const uids = [...written.events.keys()];
  const kept = found.events.length;
  const isPrefix = kept < uids.length && kept >= uids.length - written.inLog;
  const expected = isPrefix ? new Set(uids.slice(0, kept)) : new Set(uids);
  const isExpected = (run: string): boolean => expected.has(run.slice(0, run.indexOf("/")));
  const differences = [
    difference(
      "events",
      uids.filter((uid) => expected.has(uid)),
      found.events.map(([uid]) => uid),
    ),
    difference(
      "runs",
      [...written.runs.keys()].filter(isExpected),
      found.runs.map(([id]) => id),
    ),
    difference(
      "dead runs",
      [...written.runs].filter(([, state]) => state === "dead").map(([id]) => id),
      found.dead,
    ),
    difference("due runs", [...written.due].filter(isExpected), found.due),
  ];
  const shorter = differences.find((one) => one?.type === "shorter");
  if (shorter !== undefined) return shorter;
  const altered = differences.find((one) => one !== undefined);
  if (altered !== undefined) return altered;
  for (const [uid, data] of found.events)
    if (data !== written.events.get(uid)) return { type: "altered", what: `data of ${uid}` };
  for (const [id, state] of found.runs)
    if (state !== written.runs.get(id)) return { type: "altered", what: `state of ${id}` };
  return isPrefix ? { type: "prefix", events: kept } : { type: "complete" };
}

function difference(
  what: string,
  expected: readonly string[],
  found: readonly string[],
): Finding | undefined {
  const there = new Set(found);
  const missing = expected.filter((one) => !there.has(one));
  if (missing.length === 0 && found.length === expected.length) return undefined;
  const text = `${what}: ${found.length} instead of ${expected.length}, ${missing.length} missing`;
  return { type: found.length < expected.length ? "shorter" : "altered", what: text };
}

async function all<Row>(
  list: (page: { limit: number; cursor?: string }) => Promise<Page<Row>>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Page<Row> = await list({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
    rows.push(...page.items);
    cursor = page.next;
  }
  return rows;
}

/** What was done to a file, and what its journal said of it. */
export interface Trial {
  readonly damage: string;
  readonly finding: Finding;
}

/** Cuts the file off (or its log, with the suffix `-wal`) at so many lengths. */
export function truncations(
  image: Image,
  suffix: "" | "-wal",
  count: number,
  random: () => number,
): Promise<Trial[]> {
  return trials(image, suffix, count, (file) => {
    const { size } = statSync(file);
    const length = Math.floor(random() * size);
    truncateSync(file, length);
    return `cut off at ${length} of ${size} bytes`;
  });
}

/** Turns one bit at so many places. */
export function flips(
  image: Image,
  suffix: "" | "-wal",
  count: number,
  random: () => number,
): Promise<Trial[]> {
  return trials(image, suffix, count, (file) => {
    const bytes = readFileSync(file);
    const at = Math.floor(random() * bytes.length);
    const bit = Math.floor(random() * 8);
    bytes[at] = (bytes[at] as number) ^ (1 << bit);
    writeFileSync(file, bytes);
    return `bit ${bit} of byte ${at} turned`;
  });
}

async function trials(
  image: Image,
  suffix: string,
  count: number,
  damage: (file: string) => string,
): Promise<Trial[]> {
  const done: Trial[] = [];
  for (let n = 0; n < count; n += 1) {
    const file = copyOf(image);
    const what = damage(file + suffix);
    done.push({ damage: what, finding: await examine(file, image.written) });
  }
  return done;
}

/** How many trials ended in which way. */
export function tally(done: readonly Trial[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { finding } of done) counts[finding.type] = (counts[finding.type] ?? 0) + 1;
  return counts;
}

/** Trials that ended in none of these ways. */
export function otherThan(done: readonly Trial[], ...types: readonly Finding["type"][]): Trial[] {
  return done.filter((trial) => !types.includes(trial.finding.type));
}

import type { EventRecord } from "../../model/event.ts";
import { isoTime, orderingKey } from "../../model/event.ts";
import { checkRunState, type AttemptRow, type LogRow, type RunRow, type RunState } from "../../model/run.ts";
import type {
  Counters,
  DeadLetterGroup,
  EventQuery,
  EventRow,
  History,
  Journey,
  Page,
  PageQuery,
  RunDetail,
  RunQuery,
  SeenQuery,
  SeenRow,
} from "../history.ts";
import { groupDeadLetters } from "../dead-letters.ts";
import { runFilter } from "../run-filter.ts";
import {
  isoOrNull,
  readCursor,
  readLimit,
  readSpanCursor,
  takePage,
  toCursor,
  toEventRow,
  toSpanCursor,
  withData,
  type CursorKind,
} from "../rows.ts";
import { DEAD, RETRYING, RUNS_PER_EVENT, STATE_NAMES, SUCCEEDED } from "../run-code.ts";
import { idOf, type MemoryEvent, type MemoryRun } from "./model.ts";
import type { MemoryStore } from "./store.ts";

/** What people read of the memory journal. */
export function createMemoryHistory(store: MemoryStore): History {
  return {
    async events(query: EventQuery): Promise<Page<EventRow>> {
      const events = [...store.events()].filter((event) => matches(event, query));
      const { oldestFirst = false } = query;
      const page = oldestFirst
        ? pageOf("event", events.toReversed(), query, (event) => event.seq, oldestFirst)
        : pageOf("event", events, query, (event) => event.seq);
      const { items, isCut } = takePage(page.items, page.items.length, ({ record }) => record);
      const next = isCut ? toCursor("event", (items.at(-1) as MemoryEvent).seq) : page.next;
      return { items: items.map((event) => toEventRow(event.record)), next };
    },

    async event(uid): Promise<EventRow | undefined> {
      const event = store.event(uid);
      return event === undefined ? undefined : toEventRow(event.record);
    },

    async journey(uid): Promise<Journey | undefined> {
      const event = store.event(uid);
      if (event === undefined) return undefined;
      const caused = (event.caused ?? []).map((one) => store.event(one)?.record);
      const known = caused.filter((record): record is EventRecord => record !== undefined);
      return {
        event: toEventRow(event.record),
        runs: event.runs.map(toRunRow),
        caused: takePage(known, known.length, (record) => record).items.map(toEventRow),
      };
    },

    async runs(query: RunQuery): Promise<Page<RunRow>> {
      const state = query.state === undefined ? undefined : checkRunState(query.state);
      const filter = runFilter(query);
      const events = query.event === undefined ? [...store.events()] : [store.event(query.event)];
      const runs = events
        .filter((event): event is MemoryEvent => event !== undefined)
        .flatMap((event) => event.runs.toReversed())
        .filter((run) => query.process === undefined || run.lane.process === query.process)
        .filter((run) => state === undefined || STATE_NAMES[run.state] === state)
        .filter((run) => filter === undefined || filter(toRunRow(run), () => run.event.record));
      const page =
        query.oldestFirst === true
          ? pageOfOldest(runs.toReversed(), query, store)
          : pageOf("run", runs, query, positionOf);
      return { items: page.items.map(toRunRow), next: page.next };
    },

    async run(id): Promise<RunDetail | undefined> {
      const run = store.findRun(id);
      return run === undefined ? undefined : withData(toRunRow(run), run.extra?.data ?? null);
    },

    async attempts(id): Promise<readonly AttemptRow[]> {
      const run = store.findRun(id);
      return run === undefined ? [] : [...(run.extra?.past ?? []), ...lastAttempt(run)];
    },

    async logs(id, query?: PageQuery): Promise<Page<LogRow>> {
      const limit = readLimit(query);
      const from = readCursor("log", query) ?? 0;
      const lines = store.findRun(id)?.extra?.logs ?? [];
      const items = lines.slice(from, from + limit).map(({ time, claim, stream, text }) => ({
        time: isoTime(time),
        attempt: claim.attempt,
        stream,
        text,
      }));
      return { items, next: lines.length > from + limit ? toCursor("log", from + limit) : null };
    },

    async deadLetters(): Promise<readonly DeadLetterGroup[]> {
      const dead = new Map<number, MemoryRun>();
      for (const run of store.runs()) if (run.state === DEAD) dead.set(run.key, run);
      const each = [...dead.values()].map((run) => {
        const at = run.extra?.endedAt ?? run.last?.finishedAt ?? 0;
        const error = run.extra?.error ?? { code: "RUN_FAILED", message: "" };
        return { process: run.lane.process, error, count: 1, first: at, last: at, newest: run.key };
      });
      return groupDeadLetters(each, (key) => toRunRow(dead.get(key) as MemoryRun));
    },

    async seen({ trigger, location, ids, withData: isFull = false }: SeenQuery): Promise<Page<SeenRow>> {
      const wanted = new Set(ids);
      const items: SeenRow[] = [];
      let last: number | undefined;
      let hasGap = false;
      for (const { seq, record } of store.events()) {
        // It counts every event that it takes: one that is not there was forgotten.
        hasGap ||= seq !== (last ?? store.newestSeq + 1) - 1;
        last = seq;
        if (record.trigger !== trigger || record.location !== location || !wanted.has(record.id)) continue;
        const { id, operation, data } = record;
        if (isFull) wanted.delete(id);
        items.push({ id, operation, ...(isFull && { data, mayBeStale: hasGap }) });
      }
      return { items, next: null };
    },

    async counters(): Promise<Counters> {
      const runs: Record<string, Partial<Record<RunState, number>>> = {};
      for (const { process, counts } of store.lanes.values()) {
        const there = counts.flatMap((count, code) =>
          count > 0 ? [[STATE_NAMES[code] as RunState, count] as const] : [],
        );
        if (there.length > 0) runs[process] = Object.fromEntries(there);
      }
      return { events: Object.fromEntries(store.accepted), runs, oldest: oldestOf(store) };
    },
  };
}

/** By the event's own time: memory keeps no other. */
function oldestOf(store: MemoryStore): Record<string, string> {
  const oldest = [...store.lanes.values()].flatMap(({ process, ready }) => {
    const run = ready.peek();
    return run === undefined ? [] : [[process, isoTime(run.event.record.time)] as const];
  });
  return Object.fromEntries(oldest);
}

/** @param ascends whether positions grow from item to item, instead of falling */
function pageOf<Item>(
  kind: CursorKind,
  all: Item[],
  query: PageQuery,
  position: (item: Item) => number,
  ascends = false,
): Page<Item> {
  const limit = readLimit(query);
  const edge = readCursor(kind, query);
  const rest =
    edge === undefined
      ? all
      : all.filter((item) => (ascends ? position(item) > edge : position(item) < edge));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined || rest.length <= limit ? null : toCursor(kind, position(last)) };
}

function pageOfOldest(all: MemoryRun[], query: PageQuery, store: MemoryStore): Page<MemoryRun> {
  const limit = readLimit(query);
  const [newest] = store.events();
  const { after, end } = readSpanCursor(query) ?? {
    after: -1,
    end: ((newest?.seq ?? 0) + 1) * RUNS_PER_EVENT - 1,
  };
  const rest = all.filter((run) => positionOf(run) > after && positionOf(run) <= end);
  const items = rest.slice(0, limit);
  const next =
    rest.length > limit ? toSpanCursor({ after: positionOf(items.at(-1) as MemoryRun), end }) : null;
  return { items, next };
}

/** In the order of the events, and of one event's runs in that in which they were made. */
function positionOf(run: MemoryRun): number {
  return run.event.seq * RUNS_PER_EVENT + run.event.runs.indexOf(run);
}

function matches({ record, runs }: MemoryEvent, query: EventQuery): boolean {
  const { trigger, location, key, operation, since, until, without } = query;
  return (
    (trigger === undefined || record.trigger === trigger) &&
    (location === undefined || record.location === location) &&
    (key === undefined || orderingKey(record) === key) &&
    (operation === undefined || record.operation === operation) &&
    (since === undefined || record.time >= since) &&
    (until === undefined || record.time < until) &&
    (without === undefined || runs.every((run) => run.lane.process !== without))
  );
}

function toRunRow(run: MemoryRun): RunRow {
  const { claim, last, extra } = run;
  return {
    id: idOf(run),
    event: run.event.record.uid,
    process: run.lane.process,
    state: STATE_NAMES[run.state] as RunState,
    attempts: run.attempts + (claim === null ? 0 : 1),
    dueAt: run.state === RETRYING ? isoOrNull(extra?.dueAt ?? null) : null,
    startedAt: isoOrNull(claim?.takenAt ?? last?.startedAt ?? null),
    finishedAt: claim === null ? isoOrNull(extra?.endedAt ?? last?.finishedAt ?? null) : null,
    error: extra?.error ?? null,
    replayOf: extra?.replayOf ?? null,
  };
}

/** The attempt that runs now, or the one that ended the run well: neither is among the past ones. */
function lastAttempt(run: MemoryRun): AttemptRow[] {
  const { claim, last } = run;
  if (claim !== null) {
    const { attempt, fence, takenAt } = claim;
    return [
      {
        attempt,
        fence,
        version: 0,
        startedAt: isoTime(takenAt),
        finishedAt: null,
        outcome: "running",
        error: null,
      },
    ];
  }
  if (run.state !== SUCCEEDED || last === null) return [];
  return [
    {
      attempt: last.claim.attempt,
      fence: last.claim.fence,
      version: last.version,
      startedAt: isoTime(last.startedAt),
      finishedAt: isoTime(last.finishedAt),
      outcome: "succeeded",
      error: null,
    },
  ];
}

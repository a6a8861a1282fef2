import type { Clock } from "../model/clock.ts";
import type {
  EmitOptions,
  InputContext,
  InputReport,
  Receipt,
  RunContext,
  StateEntry,
} from "../model/component.ts";
import type { EngineView } from "../model/engine-view.ts";
import { SluiceError } from "../model/errors.ts";
import { toEvent, toEventRecord, type Event, type EventInit } from "../model/event.ts";
import { silentLogger, type Logger } from "../model/logger.ts";
import { formatRunId, type LogStream } from "../model/run.ts";
import { childTraceparent } from "../model/traceparent.ts";
import { createUidSource, type Random } from "../model/uid.ts";
import { createFakeClock } from "./clock.ts";
import { createSignal, type Signal } from "./signal.ts";

export interface InputContextOptions {
  /** Defaults to `input`. */
  readonly name?: string;
  /** Defaults to a clock that stands at 2026-01-01T00:00:00Z. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** The pipeline around it. Defaults to none. */
  readonly engine?: EngineView;
  /** State left by an earlier start: of another context, or made by hand. */
  readonly state?: Map<string, StateEntry>;
  /** What was emitted before, by dedupe key or uid. Hand it on to let a second start know the first's deliveries. */
  readonly seen?: Map<string, string>;
  /** Called before an emission is kept: may wait, or throw what the journal would. */
  readonly beforeEmit?: (event: Event) => Promise<void> | void;
}

/** An {@link InputContext} that keeps everything in memory, for tests of an input. */
export interface TestInputContext extends InputContext {
  /** What was emitted and kept: duplicates are not in it. */
  readonly emitted: readonly Event[];
  /** How often the input emitted, refused ones and duplicates too. */
  readonly emissions: number;
  readonly entries: Map<string, StateEntry>;
  readonly seen: Map<string, string>;
  /** What the input said of itself, the latest of each. */
  readonly reported: InputReport;
  /** Set once the input called `ready`. */
  readonly isReady: Signal;
  /** Ends the input, as its supervisor would. */
  stop(): void;
  /** Resolves when `count` events were emitted and kept in all. */
  waitFor(count: number): Promise<void>;
}

export function createInputContext(options: InputContextOptions = {}): TestInputContext {
  const { name = "input", clock = createFakeClock(), logger = silentLogger } = options;
  const { state: entries = new Map(), seen = new Map(), beforeEmit } = options;
  const random: Random = Math.random;
  const newUid = createUidSource(random);
  const controller = new AbortController();
  const emitted: Event[] = [];
  const waiting = new Set<{ count: number; signal: Signal }>();
  const isReady = createSignal();
  let reported: InputReport = {};
  let emissions = 0;

  function put(key: string, value: unknown): void {
    const version = (entries.get(key)?.version ?? 0) + 1;
    entries.set(key, { value: JSON.parse(JSON.stringify(value)) as unknown, version });
  }

  function keep(event: Event, dedupe: string | undefined): Receipt {
    const uid =
      (dedupe === undefined ? undefined : seen.get(`key ${dedupe}`)) ?? seen.get(`uid ${event.uid}`);
    if (uid !== undefined) return { uid, duplicate: true };
    seen.set(`uid ${event.uid}`, event.uid);
    if (dedupe !== undefined) seen.set(`key ${dedupe}`, event.uid);
    emitted.push(event);
    for (const waiter of waiting) if (emitted.length >= waiter.count) waiter.signal.set();
    return { uid: event.uid, duplicate: false };
  }

  async function emitAll(
    inits: readonly EventInit[],
    { dedupe, state }: EmitOptions = {},
  ): Promise<Receipt[]> {
    emissions += inits.length;
    const events = inits.map((init) => toEvent(toEventRecord(init, name, clock.now(), newUid)));
    for (const event of events) await beforeEmit?.(event);
    for (const [key, value] of Object.entries(state ?? {})) put(key, value);
    return events.map((event) => keep(event, dedupe));
  }

  return {
    name,
    pipeline: "test",
    journalId: "00000000-0000-7000-8000-000000000000",
    signal: controller.signal,
    log: logger,
    clock,
    random,
    ...(options.engine !== undefined && { engine: options.engine }),
    state: {
      get: async (key) => entries.get(key),
      async put(key, value, ifVersion) {
        const version = entries.get(key)?.version ?? 0;
        if (ifVersion !== undefined && ifVersion !== version) {
          throw new SluiceError("STATE_CONFLICT", `${key} has version ${version}, not ${ifVersion}`);
        }
        put(key, value);
      },
    },
    emit: async (event, emitOptions) => (await emitAll([event], emitOptions))[0] as Receipt,
    emitAll,
    ready: () => isReady.set(),
    report: (report) => {
      reported = { ...reported, ...report };
    },
    get reported() {
      return reported;
    },
    emitted,
    get emissions() {
      return emissions;
    },
    entries,
    seen,
    isReady,
    stop: () => controller.abort(new SluiceError("SHUTDOWN", `input "${name}" is stopped`)),
    waitFor(count) {
      if (emitted.length >= count) return Promise.resolve();
      const signal = createSignal();
      waiting.add({ count, signal });
      return signal.wait();
    },
  };
}

export interface RunContextOptions {
  readonly event?: EventInit;
  /** Defaults to `process`. */
  readonly process?: string;
  /** Defaults to 1. */
  readonly attempt?: number;
  /** Defaults to the attempt. */
  readonly fence?: number;
  /** Defaults to a clock that stands at 2026-01-01T00:00:00Z. */
  readonly clock?: Clock;
}

export interface CapturedLine {
  readonly stream: LogStream;
  readonly text: string;
}

/** A {@link RunContext} that keeps everything in memory, with the event of its run, for tests of a process. */
export interface TestRunContext extends RunContext {
  readonly event: Event;
  readonly lines: readonly CapturedLine[];
  readonly emitted: readonly EventInit[];
  /** Aborts the attempt: as a time-out would, or with a reason of one's own. */
  abort(reason?: unknown): void;
}

export function createRunContext(options: RunContextOptions = {}): TestRunContext {
  const { process = "process", attempt = 1, fence = attempt, clock = createFakeClock() } = options;
  const random: Random = Math.random;
  const newUid = createUidSource(random);
  const record = toEventRecord(options.event ?? {}, "input", clock.now(), newUid);
  const event = toEvent(record);
  const controller = new AbortController();
  const lines: CapturedLine[] = [];
  const emitted: EventInit[] = [];
  const emittedNow = new Map<string, Receipt>();

  function emit(
    init: EventInit,
    emitOptions?: { now?: boolean; key?: string },
  ): Promise<Receipt> | undefined {
    if (emitOptions?.now !== true) {
      emitted.push(init);
      return undefined;
    }
    const key = emitOptions.key ?? "";
    const before = emittedNow.get(key);
    if (before !== undefined) return Promise.resolve({ uid: before.uid, duplicate: true });
    emitted.push(init);
    const receipt = { uid: init.uid ?? newUid(clock.now()), duplicate: false };
    emittedNow.set(key, receipt);
    return Promise.resolve(receipt);
  }

  return {
    event,
    run: { id: formatRunId(event.uid, process), process },
    attempt,
    fence,
    signal: controller.signal,
    deadline: undefined,
    traceparent: childTraceparent(event.cause?.traceparent, random),
    clock,
    journalId: "00000000-0000-7000-8000-000000000000",
    log: (text, stream = "log") => void lines.push({ stream, text }),
    progress: (done, total, text) =>
      void lines.push({
        stream: "progress",
        text: [`${done}/${total ?? "?"}`, text].filter(Boolean).join(" "),
      }),
    emit: emit as RunContext["emit"],
    lines,
    emitted,
    abort: (reason = new SluiceError("TIMEOUT", "the attempt took too long")) => controller.abort(reason),
  };
}

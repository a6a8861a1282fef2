import type { Clock, Timer } from "../model/clock.ts";
import type { Receipt, RunContext, RunInfo } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { type Cause, type EventInit, type EventRecord, toEventRecord } from "../model/event.ts";
import type { Redact } from "../model/mask.ts";
import { formatRunId, type LogStream } from "../model/run.ts";
import { childTraceparent } from "../model/traceparent.ts";
import type { NewUid, Random } from "../model/uid.ts";
import type { Claim } from "../journal/work.ts";
import { attemptProgress, type AttemptTrace } from "./diagnostics.ts";
import type { Occupant } from "./occupant.ts";

/** What an attempt needs of the engine around it. */
export interface AttemptHost {
  readonly pipeline: string;
  readonly journalId: string;
  readonly keepsDeadFor: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: NewUid;
  readonly redact: Redact;
  log(claim: Claim, text: string, stream: LogStream): void;
  /** Commits one event at once, deduplicated by `dedupe`. */
  emitNow(event: EventRecord, dedupe: string): Promise<Receipt>;
}

export type AbortKind = "timeout" | "cancelled" | "shutdown";

/** What an attempt may log in all, in characters; the rest is cut, and said to be. */
const LOG_LIMIT = 1_000_000;
const LINE_LIMIT = 8_000;
/** What a line counts for at least: an empty one costs the journal a row, too. */
const LINE_COST = 100;
const PROGRESS_INTERVAL = 1_000;

/**
 * One try of a run, and the context that its process sees. What costs something (the signal, the run's id, the
 * trace context) is made when it is first asked for: most processes ask for little, and this is the hot path.
 */
export class Attempt implements RunContext {
  readonly claim: Claim;
  /** What it began with, and ends with. */
  readonly occupant: Occupant;
  readonly startedAt: number;
  readonly deadline: number | undefined;
  readonly #host: AttemptHost;
  #info: RunInfo | undefined;
  #traceparent: string | undefined;
  #controller: AbortController | undefined;
  #abortKind: AbortKind | undefined;
  #abortReason: SluiceError | undefined;
  #ended = false;
  #logged = 0;
  #progressAt = Number.NEGATIVE_INFINITY;
  /** Its time-out, then its grace. */
  timer: Timer | undefined;
  /** Events that wait for its success; `undefined` until there is one. */
  held: EventRecord[] | undefined;
  /** Its slot was freed, though it goes on. */
  abandoned = false;
  /** Where its runner keeps it. */
  place = 0;
  /** Calls the process, for a tracer; `undefined` while nobody traces. */
  around: AttemptTrace["around"];
  /** The pipeline version it began under. */
  readonly version: number;
  /** Called once its outcome is durable. */
  onSettled: (() => void) | undefined;

  constructor(host: AttemptHost, claim: Claim, occupant: Occupant, version: number) {
    const { timeout } = occupant.settings;
    this.#host = host;
    this.claim = claim;
    this.occupant = occupant;
    this.startedAt = host.clock.now();
    this.deadline = timeout === undefined ? undefined : this.startedAt + timeout;
    this.version = version;
  }

  get attempt(): number {
    return this.claim.attempt;
  }

  get fence(): number {
    return this.claim.fence;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get journalId(): string {
    return this.#host.journalId;
  }

  get replayableFor(): number | undefined {
    return this.#host.keepsDeadFor;
  }

  get run(): RunInfo {
    return (this.#info ??= runInfo(this.claim));
  }

  get traceparent(): string {
    return (this.#traceparent ??= childTraceparent(this.claim.event.cause?.traceparent, this.#host.random));
  }

  /** Its span is another's to make: a tracer's. */
  trace({ traceparent, around }: AttemptTrace): void {
    this.#traceparent = traceparent;
    this.around = around;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  // The three below are getters of functions, so that a process may take them out of the context.

  get log(): RunContext["log"] {
    return (text, stream = "log") => this.#log(text, stream);
  }

  get progress(): RunContext["progress"] {
    return (done, total, text) => this.#progress(done, total, text);
  }

  get emit(): RunContext["emit"] {
    const emit = (
      event: EventInit,
      options?: { now?: boolean; key?: string },
    ): Promise<Receipt> | undefined => {
      if (options?.now === true) return this.#emitNow(event, options.key);
      this.#hold(event);
      return undefined;
    };
    return emit as RunContext["emit"];
  }

  /** Why it was told to end; `undefined` if it was not. */
  get abortKind(): AbortKind | undefined {
    return this.#abortKind;
  }

  get abortReason(): SluiceError | undefined {
    return this.#abortReason;
  }

  abort(kind: AbortKind, reason: SluiceError): void {
    if (this.#abortKind !== undefined || this.#ended) return;
    this.#abortKind = kind;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** From now on whatever the process still does through its context is refused. */
  end(): void {
    this.#ended = true;
    this.timer?.cancel();
  }

  #log(value: unknown, stream: LogStream): void {
    if (this.#ended || this.#logged > LOG_LIMIT) return;
    const text = this.#host.redact(typeof value === "string" ? value : String(value));
    const line =
      text.length > LINE_LIMIT ? `${text.slice(0, LINE_LIMIT)}… (${text.length} characters)` : text;
    this.#logged += Math.max(line.length, LINE_COST);
    this.#host.log(this.claim, line, stream);
    if (this.#logged > LOG_LIMIT) {
      this.#host.log(this.claim, `the log of this attempt was cut after ${LOG_LIMIT} characters`, "log");
    }
  }

  #progress(done: number, total: number | undefined, text: string | undefined): void {
    if (this.#ended) return;
    if (attemptProgress.hasSubscribers) {
      const { process, id: run } = this.run;
      attemptProgress.publish({ pipeline: this.#host.pipeline, process, run, done, total, text });
    }
    const now = this.#host.clock.monotonic();
    if (now - this.#progressAt < PROGRESS_INTERVAL && done !== total) return;
    this.#progressAt = now;
    this.#log(
      [total === undefined ? `${done}` : `${done}/${total}`, text].filter(Boolean).join(" "),
      "progress",
    );
  }

  #hold(event: EventInit): void {
    this.#checkOpen("emit");
    (this.held ??= []).push(this.#record(event));
  }

  async #emitNow(event: EventInit, key: string | undefined): Promise<Receipt> {
    this.#checkOpen("emit");
    if (typeof key !== "string" || key === "") {
      throw new SluiceError(
        "INVALID_EVENT",
        "emit with { now: true } needs a key, so that a second attempt emits nothing twice",
      );
    }
    return this.#host.emitNow(this.#record(event), `${this.run.id}/${key}`);
  }

  #record(event: EventInit): EventRecord {
    const { claim } = this;
    const now = this.#host.clock.now();
    // `emit({ ...event, data })` is natural to write, but makes another event, not the same one again.
    const { uid, ...rest } = event;
    const own = uid === claim.event.uid ? rest : event;
    return { ...toEventRecord(own, claim.process, now, this.#host.newUid), cause: this.#cause() };
  }

  #cause(): Cause {
    const before = this.claim.event.cause;
    const cause = { runs: [this.run.id], hops: (before?.hops ?? 0) + 1 };
    const traced = this.#traceparent !== undefined || before?.traceparent !== undefined;
    return traced ? { ...cause, traceparent: this.traceparent } : cause;
  }

  #checkOpen(what: string): void {
    if (!this.#ended) return;
    const why = this.abandoned ? "was abandoned" : "is over";
    throw new SluiceError(
      this.abandoned ? "ABANDONED" : "STALE_FENCE",
      `${what} refused: attempt ${this.attempt} of run ${this.run.id} ${why}`,
    );
  }
}

function runInfo(claim: Claim): RunInfo {
  const id = formatRunId(claim.event.uid, claim.process, claim.replay);
  return claim.replayOf === null
    ? { id, process: claim.process }
    : { id, process: claim.process, replayOf: claim.replayOf };
}

import { isPostponed, SluiceError, toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import { toEvent, type EventRecord } from "../model/event.ts";
import { redactError } from "../model/mask.ts";
import type { ProcessStatus } from "../model/status.ts";
import type { Append, Claim, Outcome, Settle } from "../journal/work.ts";
import { Attempt, type AbortKind, type AttemptHost } from "./attempt.ts";
import { publishEnded, publishStarted } from "./attempt-messages.ts";
import type { ErrorStream } from "./error-stream.ts";
import type { Occupant } from "./occupant.ts";
import { outcomeOf, redactOutcome, type Ending } from "./outcome.ts";
import { askedDelay } from "./retry-policy.ts";
import type { Settler } from "./settler.ts";

/** What all runners of an engine have in common. */
export interface RunnerHost extends AttemptHost {
  readonly settler: Settler;
  readonly errors: ErrorStream;
  /** Of the pipeline, in milliseconds: for processes without one of their own. */
  readonly grace: number;
  /** What routing makes of an event that a process emits. */
  append(event: EventRecord): Append;
  /** A run may have become final. */
  progress(): void;
  /** A process asked to be paused (it learned that its target is gone). */
  pause(process: string): void;
}

/** Told what happens to the attempts. */
export interface RunnerListener {
  /** The pipeline's version that an attempt begins under now. */
  version(): number;
  /** One ended: its slot is free. */
  attemptEnded(): void;
  /** Its outcome is durable. */
  attemptSettled(): void;
  /** The process asked that no run starts for so many milliseconds. */
  hold(delay: number, reason: ErrorRecord): void;
}

/** Runs the attempts of a lane: begins, aborts and ends them, and hands their outcomes to the settler. */
export class Runner {
  readonly #host: RunnerHost;
  readonly #listener: RunnerListener;
  /**
   * No Set: one that is added to and deleted from for ever makes its table anew, each old one refers to the next,
   * and once the first is old for the garbage collector, all later attempts are kept with it: half of the rate.
   */
  readonly #running: Attempt[] = [];
  /** Abandoned attempts whose key waits until they really end, with the outcome that is kept back until then. */
  readonly #held = new Map<Attempt, Settle>();
  #abandoned = 0;
  #unsettled = 0;
  #quiet: (() => void)[] = [];
  #closing = false;

  constructor(host: RunnerHost, listener: RunnerListener) {
    this.#host = host;
    this.#listener = listener;
  }

  get running(): number {
    return this.#running.length;
  }

  /** Attempts that ignored their signal and go on without a slot. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** Attempts that ended, but whose outcome is not durable yet. */
  get unsettled(): number {
    return this.#unsettled;
  }

  begin(claim: Claim, occupant: Occupant, onSettled?: () => void): void {
    const { timeout } = occupant.settings;
    const attempt = new Attempt(this.#host, claim, occupant, this.#listener.version());
    occupant.attemptBegan();
    attempt.onSettled = onSettled;
    attempt.place = this.#running.push(attempt) - 1;
    if (timeout !== undefined) this.#startTimeout(attempt, timeout);
    publishStarted(this.#host.pipeline, attempt);
    let result: PromiseLike<ProcessStatus | void> | ProcessStatus | void;
    let promise: Promise<ProcessStatus | void> | undefined;
    try {
      result = this.#call(attempt);
      promise = toPromise(result);
    } catch (error) {
      this.#end(attempt, { type: "rejected", error });
      return;
    }
    if (promise === undefined) {
      this.#end(attempt, { type: "resolved", status: (result as ProcessStatus | void) ?? undefined });
      return;
    }
    promise.then(
      (status) => this.#end(attempt, { type: "resolved", status: status ?? undefined }),
      (error: unknown) => this.#end(attempt, { type: "rejected", error }),
    );
  }

  #call(attempt: Attempt): PromiseLike<ProcessStatus | void> | ProcessStatus | void {
    const event = toEvent(attempt.claim.event);
    const { process } = attempt.occupant;
    if (attempt.around === undefined) return process.run(event, attempt);
    return attempt.around(() => process.run(event, attempt));
  }

  /** Aborts the attempt with this fence. Answers whether it is here. */
  cancel(fence: number, message: string): boolean {
    for (const attempt of this.#running) {
      if (attempt.fence !== fence) continue;
      this.#abort(attempt, "cancelled", new SluiceError("CANCELLED", message));
      return true;
    }
    return false;
  }

  /** Hands back a claim that was not begun. */
  release(claim: Claim): void {
    const now = this.#host.clock.now();
    const version = this.#listener.version();
    const settle: Settle = { claim, startedAt: now, finishedAt: now, version, outcome: { type: "released" } };
    this.#host.settler.settle<Attempt | undefined>(settle, this, undefined);
  }

  /** Resolves when nothing runs any more. */
  quiet(): Promise<void> {
    return this.#running.length === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#quiet.push(resolve));
  }

  /** Tells what runs to end: the host shuts down. */
  abortAll(reason: SluiceError): void {
    for (const attempt of this.#running.slice()) attempt.abort("shutdown", reason);
  }

  /** Gives up what did not end: it is handed back. */
  abandonAll(): void {
    this.#closing = true;
    for (const attempt of this.#running.slice()) this.#end(attempt, { type: "abandoned" });
    for (const [attempt, settle] of this.#held) this.#write(attempt, settle);
    this.#held.clear();
  }

  #startTimeout(attempt: Attempt, timeout: number): void {
    const reason = new SluiceError("TIMEOUT", `the attempt took longer than its time-out of ${timeout} ms`);
    attempt.timer = this.#host.clock.setTimer(timeout, () => this.#abort(attempt, "timeout", reason));
  }

  #abort(attempt: Attempt, kind: AbortKind, reason: SluiceError): void {
    if (attempt.abortKind !== undefined) return;
    attempt.timer?.cancel();
    const grace = attempt.occupant.settings.grace ?? this.#host.grace;
    attempt.timer = this.#host.clock.setTimer(grace, () => this.#end(attempt, { type: "abandoned" }));
    attempt.abort(kind, reason);
  }

  #end(attempt: Attempt, ending: Ending): void {
    if (attempt.abandoned) {
      this.#endAbandoned(attempt);
      return;
    }
    const settle = this.#conclude(attempt, ending);
    attempt.abandoned = ending.type === "abandoned";
    attempt.end();
    this.#remove(attempt);
    attempt.occupant.attemptEnded();
    this.#unsettled += 1;
    if (attempt.abandoned) this.#abandon(attempt, settle);
    else this.#write(attempt, settle);
    this.#listener.attemptEnded();
    if (this.#running.length === 0 && this.#quiet.length > 0)
      for (const resolve of this.#quiet.splice(0)) resolve();
  }

  /** The last one takes its place. */
  #remove(attempt: Attempt): void {
    const last = this.#running.pop() as Attempt;
    if (last === attempt) return;
    this.#running[attempt.place] = last;
    last.place = attempt.place;
  }

  /** Whatever a process answers or throws becomes an outcome: nothing that it does may stop the engine. */
  #conclude(attempt: Attempt, ending: Ending): Settle {
    try {
      return this.#settle(attempt, this.#decide(attempt, ending));
    } catch (error) {
      // The error itself may be what throws when it is looked at; its record does not.
      return this.#settle(attempt, this.#decide(attempt, { type: "rejected", error: toErrorRecord(error) }));
    }
  }

  #decide(attempt: Attempt, ending: Ending): Outcome {
    if (ending.type === "rejected") this.#heed(attempt, ending.error);
    const logs: unknown = ending.type === "resolved" ? ending.status?.logs : undefined;
    if (Array.isArray(logs)) for (const line of logs as readonly string[]) attempt.log(line);
    return redactOutcome(outcomeOf(attempt, ending, this.#host.random), this.#host.redact);
  }

  /** What an error asks for beyond its own run. */
  #heed(attempt: Attempt, error: unknown): void {
    if (asksForPause(error)) this.#host.pause(attempt.claim.process);
    if (!isPostponed(error) || error.holdProcess !== true) return;
    this.#listener.hold(askedDelay(error) ?? 0, redactError(toErrorRecord(error), this.#host.redact));
  }

  #settle(attempt: Attempt, outcome: Outcome): Settle {
    const settle = {
      claim: attempt.claim,
      startedAt: attempt.startedAt,
      finishedAt: this.#host.clock.now(),
      version: attempt.version,
      outcome,
    };
    if (attempt.held === undefined || outcome.type !== "succeeded") return settle;
    return { ...settle, emitted: attempt.held.map((event) => this.#host.append(event)) };
  }

  #write(attempt: Attempt, settle: Settle): void {
    this.#host.settler.settle(settle, this, attempt);
  }

  /** The settler calls it. */
  settled(attempt: Attempt | undefined, settle: Settle, result: "settled" | "stale"): void {
    if (attempt === undefined) return;
    this.#unsettled -= 1;
    publishEnded(this.#host.pipeline, attempt, settle, result);
    attempt.onSettled?.();
    this.#listener.attemptSettled();
    this.#host.progress();
  }

  #abandon(attempt: Attempt, settle: Settle): void {
    this.#abandoned += 1;
    const message = `an attempt of process "${attempt.claim.process}" ignored its signal and was abandoned`;
    this.#host.errors.report(new SluiceError("ABANDONED", message, { details: { run: attempt.run.id } }));
    if (attempt.occupant.settings.ordered && !this.#closing) this.#held.set(attempt, settle);
    else this.#write(attempt, settle);
  }

  #endAbandoned(attempt: Attempt): void {
    this.#abandoned -= 1;
    const settle = this.#held.get(attempt);
    if (settle === undefined) return;
    this.#held.delete(attempt);
    this.#write(attempt, settle);
  }
}

function asksForPause(error: unknown): boolean {
  return (error as { pauseProcess?: unknown } | null | undefined)?.pauseProcess === true;
}

/** `undefined` for what is no promise. Of a promise that is not Node's own nothing is certain. */
function toPromise<T>(value: PromiseLike<T> | T): Promise<T> | undefined {
  if (value instanceof Promise) return value as Promise<T>;
  const isThenable = typeof value === "object" && value !== null && "then" in value;
  return isThenable ? Promise.resolve(value) : undefined;
}

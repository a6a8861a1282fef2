import type { Clock } from "../../../model/clock.ts";
import { SluiceError } from "../../../model/errors.ts";
import type { Logger } from "../../../model/logger.ts";
import { formatRunId } from "../../../model/run.ts";
import type { Change } from "../../coordination.ts";
import type {
  Append,
  Claim,
  Commit,
  CommitResult,
  RunKey,
  Settle,
  StateValue,
  Suspect,
  Work,
} from "../../work.ts";
import { fromPlainError } from "../failure.ts";
import type { BatchReply, ControlMessage, FlatRuns, Hello } from "../layout.ts";
import type { SuspectRow } from "../writer/due.ts";
import { toStoredText } from "../stored-text.ts";
import { Bars } from "./bars.ts";
import { Commits, type CommitListener } from "./commits.ts";
import { Fences } from "./fences.ts";
import { HeldClaim } from "./held-claim.ts";
import { Names } from "./names.ts";
import { parseRuns } from "./run-parser.ts";
import { Windows } from "./windows.ts";
import type { WriterLink } from "./writer-link.ts";

export interface ClientOptions {
  readonly link: WriterLink;
  readonly hello: Extract<Hello, { type: "hello" }>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly path: string;
  readonly onChange: (change: Change) => void;
}

/** The main thread's side of the SQLite journal: the port `Work`, over the thread that writes. */
export class Client implements Work, CommitListener {
  readonly #link: WriterLink;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #path: string;
  readonly #onChange: (change: Change) => void;
  readonly #stoppedCleanly: boolean;
  #admitted = false;
  readonly #names: Names;
  readonly #bars = new Bars();
  readonly #commits: Commits;
  readonly windows: Windows;
  readonly #fences: Fences;
  #open: number;
  #unhealthy: SluiceError | undefined;
  #progressed = false;
  #closing: Promise<void> | undefined;

  constructor({ link, hello, clock, logger, path, onChange }: ClientOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#logger = logger;
    this.#path = path;
    this.#onChange = onChange;
    this.#stoppedCleanly = hello.stoppedCleanly;
    this.#open = hello.open;
    this.#names = new Names(hello.names);
    this.#fences = new Fences(hello.epoch, () => link.ask<number>({ type: "newEpoch" }));
    this.windows = new Windows({
      link,
      names: this.#names,
      clock,
      fences: this.#fences,
      lanes: hello.lanes,
      isBarred: (run) => this.#bars.isBarred(run),
      onError: (error) => this.#fail(error),
    });
    this.#commits = new Commits({
      link,
      names: this.#names,
      listener: this,
      now: () => clock.now(),
      path,
      nextSeq: hello.nextSeq,
      lastBatch: hello.lastBatch,
      epoch: hello.epoch,
    });
  }

  get epoch(): number {
    return this.#fences.epoch;
  }

  get openRuns(): number {
    return this.#open;
  }

  get health(): { readonly ok: true } | { readonly ok: false; readonly error: Error } {
    return this.#unhealthy === undefined ? { ok: true } : { ok: false, error: this.#unhealthy };
  }

  commit(commit: Commit): Promise<CommitResult> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed());
    return this.#commits.add(
      commit,
      commit.control === undefined ? NO_CONTROLS : this.#prepare(commit.control),
    );
  }

  take(process: string, atMost: number, signal: AbortSignal): Promise<Claim[]> {
    return this.windows.take(process, atMost, signal);
  }

  async suspects(concurrency: ReadonlyMap<string, number>): Promise<Suspect[]> {
    if (this.#stoppedCleanly) return [];
    const byId = new Map([...concurrency].map(([process, atMost]) => [this.#names.id(process), atMost]));
    const rows = await this.#link.ask<SuspectRow[]>({
      type: "suspects",
      concurrency: byId,
      now: this.#clock.now(),
    });
    this.windows.withhold(rows.map((row) => row.run));
    return rows.map(({ run, process, uid, replay, strikes }) => {
      const name = this.#names.name(process);
      return { run, id: formatRunId(uid, name, replay), process: name, strikes };
    });
  }

  async takeSuspect(run: RunKey): Promise<Claim | undefined> {
    const key = Number(run);
    for (const claim of this.windows.claims) if (claim.key === key) return undefined;
    const flat = await this.#link.ask<FlatRuns>({ type: "mark", run: key });
    const [read] = parseRuns(flat, (id) => this.#names.name(id));
    return read === undefined ? undefined : this.windows.hold(read.run);
  }

  async admit(): Promise<void> {
    this.#admitted = true;
    try {
      if (!this.#stoppedCleanly) await this.#link.ask({ type: "unmark" });
    } finally {
      this.windows.admit();
    }
  }

  hops(uids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#commits.barrier().then(() => this.#link.ask({ type: "hops", uids }));
  }

  readState(owner: string, key: string): Promise<StateValue | undefined> {
    return this.#link.ask({ type: "state", owner, key });
  }

  /** Finishes what is under way, then closes the file. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // What commits tell.

  appended(
    { event, runs }: Append,
    firstRun: number,
    isWaiting: ((run: number) => boolean) | undefined,
  ): void {
    for (let i = 0; i < runs.length; i += 1) {
      const { process, key, dead } = runs[i] as Append["runs"][number];
      const run = firstRun + i;
      if (dead !== undefined || isWaiting?.(run) === true) continue;
      const window = this.windows.of(process);
      if (window.isComplete) {
        window.addNew({
          key: run,
          process,
          event,
          attempts: 0,
          postponed: 0,
          replay: 0,
          replayOf: null,
          line: key === undefined ? null : toStoredText(key),
        });
      }
    }
  }

  settled({ claim, outcome }: Settle, isStale: boolean): void {
    if (!(claim instanceof HeldClaim) || !this.windows.claims.remove(claim)) return;
    const run = HeldClaim.runOf(claim);
    if (run === undefined) return;
    if (isStale) {
      // It was ended from outside, and perhaps opened anew since: only now may it be taken again. Or an earlier try to
      // settle it was kept after all.
      this.#progressed = true;
      this.windows.of(run.process).lower(run.key);
      return;
    }
    if (outcome.type === "released") this.windows.of(run.process).add(run);
    else if (outcome.type === "retry")
      this.windows.retryAt(run.process, Math.max(1, Math.ceil(outcome.dueAt)));
    else this.#progressed = true;
  }

  controlled(controls: readonly ControlMessage[], wasKept: boolean): void {
    for (const message of controls) {
      this.#bars.lift(message, this.windows, wasKept);
      const { control, taken } = message;
      if (!wasKept) continue;
      if (control.type === "pause") this.#onChange({ type: "paused", name: control.name });
      if (control.type === "resume") this.#onChange({ type: "resumed", name: control.name });
      if (control.type === "cancel" || control.type === "cancelOpen")
        this.#tellCancelled(taken, control.reason.message);
      if (control.type === "setAside") this.#tellCancelled(taken, control.error.message);
    }
  }

  replied(reply: BatchReply): void {
    this.#open = reply.open;
    if (reply.error === undefined) this.#recover();
    else this.#fail(fromPlainError(reply.error));
    if (reply.reopenedDatabase === true) this.windows.resetAll();
    if (reply.promoted !== undefined)
      this.windows.addPromoted(parseRuns(reply.promoted, (id) => this.#names.name(id)));
    const { reopened = [], expired = [] } = reply;
    for (let i = 0; i < reopened.length; i += 2) {
      this.windows.of(this.#names.name(reopened[i] as number)).lower(reopened[i + 1] as number);
    }
    for (const [process, code, count] of expired) {
      this.#logger.warn(
        { journal: this.#path, process, code, count },
        "dead runs have expired and are no longer kept",
      );
    }
    if (reply.ended !== undefined) this.#progressed = true;
    this.windows.serve();
    if (!this.#progressed) return;
    this.#progressed = false;
    this.#onChange({ type: "progress" });
  }

  #prepare(controls: NonNullable<Commit["control"]>): ControlMessage[] {
    return controls.map((control) => {
      // So that the writer knows the name, though no event went there yet.
      if (control.type === "route") this.#names.id(control.seed.process);
      return this.#bars.prepare(control, this.windows);
    });
  }

  #tellCancelled(taken: ControlMessage["taken"], message: string): void {
    const fences = new Set(taken.map((run) => run.fence));
    for (const { process, fence } of this.windows.claims) {
      if (fences.has(fence)) this.#onChange({ type: "cancelled", process, fence, message });
    }
  }

  #fail(error: SluiceError): void {
    const isNews = this.#unhealthy?.code !== error.code;
    this.#unhealthy = error;
    if (!isNews) return;
    this.#logger.error({ journal: this.#path, code: error.code, err: error }, "the journal cannot write");
    this.#onChange({ type: "unhealthy", error });
  }

  #recover(): void {
    if (this.#unhealthy === undefined) return;
    this.#unhealthy = undefined;
    this.#logger.info({ journal: this.#path }, "the journal can write again");
    this.#onChange({ type: "healthy" });
  }

  async #close(): Promise<void> {
    this.windows.close(this.#closed());
    await this.#commits.drained();
    await this.#link.close(this.#stoppedCleanly || this.#admitted);
  }

  #closed(): SluiceError {
    return new SluiceError("JOURNAL_CLOSED", `journal ${this.#path} is closed`);
  }
}

const NO_CONTROLS: readonly ControlMessage[] = [];

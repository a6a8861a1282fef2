import { formatRunId, isFinal, type RunState } from "../../src/model/run.ts";

/** A run as `docs/state-machine.md` has it, and no more. */
export interface ModelRun {
  readonly id: string;
  readonly event: string;
  readonly process: string;
  /** Runs go by the place of their event; a replay stands right behind the run that it replays. */
  place: number;
  readonly key: string | undefined;
  state: RunState;
  attempts: number;
  postponed: number;
  /** What it was before it was taken: that it is again if its owner dies. */
  open: "queued" | "retrying";
  dueAt: number;
  /** Counts its claims: only the newest may settle it. */
  claim: number;
  /** It was ended while an attempt held it, and that has not ended yet. */
  lingers: boolean;
  /** It is dead, and holds its key. */
  blocks: boolean;
}

export type ModelOutcome =
  | "succeeded"
  | "retry"
  | "again"
  | "postponed"
  | "dead"
  | "block"
  | "released"
  | "cancelled";

export const RETRY_DELAY = 500;

/** What runs do, written down as plainly as can be. Every answer of a journal is compared with its own. */
export class RunModel {
  readonly events: { readonly uid: string; readonly key: string }[] = [];
  readonly runs: ModelRun[] = [];
  readonly deliveries: Map<string, string> = new Map();
  now = 0;

  /** Routing made runs: queued, waiting behind an earlier one of the key, or dead from the beginning. */
  append(
    uid: string,
    key: string,
    seeds: readonly { process: string; key?: string; isDead?: boolean }[],
  ): void {
    this.events.push({ uid, key });
    for (const seed of seeds) this.add(uid, seed.process, 0, seed.key, seed.isDead === true);
  }

  add(event: string, process: string, replay: number, key?: string, isDead = false): ModelRun {
    const place = this.events.findIndex(({ uid }) => uid === event) + replay / 1_000;
    const id = formatRunId(event, process, replay);
    const run: ModelRun = {
      id,
      event,
      process,
      place,
      key,
      state: "waiting",
      attempts: 0,
      postponed: 0,
      open: "queued",
      dueAt: 0,
      claim: 0,
      lingers: false,
      blocks: false,
    };
    this.runs.push(run);
    if (isDead) run.state = "dead";
    else this.#promote(process, key, run);
    return run;
  }

  /** The due runs of a process, the oldest first. */
  due(process: string): ModelRun[] {
    return this.runs
      .filter((run) => run.process === process && !run.lingers && this.#isDue(run))
      .sort((a, b) => a.place - b.place);
  }

  find(event: string, process: string, replay: number): ModelRun {
    const id = formatRunId(event, process, replay);
    return this.runs.find((run) => run.id === id) as ModelRun;
  }

  take(run: ModelRun): void {
    run.open = run.state as "queued" | "retrying";
    run.state = "running";
    run.claim += 1;
  }

  /** Only the newest claim of a run that still runs counts; a stale one at most lets its key go on. */
  settle(run: ModelRun, claim: number, outcome: ModelOutcome): "settled" | "stale" {
    if (claim !== run.claim) return "stale";
    if (run.lingers) {
      run.lingers = false;
      // It has kept its place at the head of its key.
      if (run.state === "waiting") run.state = "queued";
      this.#promote(run.process, run.key);
      return "stale";
    }
    if (run.state !== "running") return "stale";
    if (outcome === "postponed") run.postponed += 1;
    else if (outcome !== "released") run.attempts += 1;
    if (outcome === "released") run.state = "queued";
    else if (outcome === "retry" || outcome === "postponed") this.#retry(run, RETRY_DELAY);
    else if (outcome === "again") this.#retry(run, 0);
    else this.#end(run, outcome === "block" ? "dead" : outcome);
    run.blocks = outcome === "block" && run.key !== undefined;
    this.#promote(run.process, run.key);
    return "settled";
  }

  /** An open run is cancelled, whatever it does; a dead one that blocks its key is given up. */
  cancel(run: ModelRun): boolean {
    if (isFinal(run.state) && !run.blocks) return false;
    if (run.state === "running") {
      run.lingers = true;
      run.attempts += 1;
    }
    run.blocks = false;
    this.#end(run, "cancelled");
    this.#promote(run.process, run.key);
    return true;
  }

  /** A dead or cancelled run is open again under its id; a succeeded one, or an edited one, gets a new run. */
  replay(run: ModelRun, isEdited: boolean): ModelRun | undefined {
    if (!isFinal(run.state)) return undefined;
    if (run.state === "succeeded" || isEdited) {
      const count = this.runs.filter(
        ({ event, process }) => event === run.event && process === run.process,
      ).length;
      const made = this.add(run.event, run.process, count, run.key);
      made.place = Math.floor(run.place) + count / 1_000;
      return made;
    }
    const keepsPlace = run.blocks || run.lingers;
    run.attempts = 0;
    run.postponed = 0;
    run.state = "waiting";
    run.blocks = false;
    if (run.key === undefined || (keepsPlace && !run.lingers)) run.state = "queued";
    else this.#promote(run.process, run.key, run);
    return run;
  }

  /** The owner is gone, and with it every attempt: what ran is open again, and no key waits for what lingered. */
  reopen(): void {
    for (const run of this.runs) {
      if (run.state === "running") run.state = run.open;
      run.claim += 1;
      run.lingers = false;
    }
    for (const { process, key } of this.runs) this.#promote(process, key);
  }

  #isDue({ state, dueAt }: ModelRun): boolean {
    return state === "queued" || (state === "retrying" && dueAt <= this.now);
  }

  #retry(run: ModelRun, delay: number): void {
    run.state = "retrying";
    run.dueAt = this.now + delay;
  }

  #end(run: ModelRun, state: "succeeded" | "dead" | "cancelled"): void {
    run.state = state;
  }

  /** One run of a key at a time: the oldest that waits goes on once no other holds the key. */
  #promote(process: string, key: string | undefined, added?: ModelRun): void {
    if (key === undefined) {
      if (added !== undefined) added.state = "queued";
      return;
    }
    const line = this.runs.filter((run) => run.process === process && run.key === key);
    const isHeld = line.some(
      (run) => run.blocks || run.lingers || (!isFinal(run.state) && run.state !== "waiting"),
    );
    // Who lingers holds the key for itself, should it be replayed.
    if (isHeld) return;
    const waiting = line.filter((run) => run.state === "waiting").sort((a, b) => a.place - b.place);
    if (waiting[0] !== undefined) waiting[0].state = "queued";
  }
}

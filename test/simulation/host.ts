import type { Clock, Timer } from "../../src/model/clock.ts";
import type { Change } from "../../src/journal/coordination.ts";
import type { SluiceError } from "../../src/model/errors.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import type { Limits, Sink } from "./sink.ts";
import type { Chance } from "./chance.ts";
import type { SimulatedJournal } from "./journal.ts";

/** What a host needs of the world around it. */
interface HostWorld {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly sink: Sink;
  readonly journal: SimulatedJournal;
  readonly setup: { readonly total: number | undefined };
  readonly isCalm: boolean;
  /** How many hosts have died. */
  deaths: number;
  note(text: string): void;
}

/**
 * An operating system's process with an orchestrator in it. It can die at any moment: then it does nothing any more,
 * though its promises still hang about.
 */
export class Host {
  readonly world: HostWorld;
  readonly number: number;
  readonly orchestrator: Orchestrator;
  readonly limits: Map<string, Limits> = new Map();
  readonly errors: SluiceError[] = [];
  readonly died: Promise<void>;
  /** Another one has taken its journal. */
  superseded: boolean = false;
  alive: boolean = true;
  /** How many moments it has left to live. */
  countdown: number = Infinity;
  /** Names whose change is under way in it. */
  readonly changing: Set<string> = new Set();
  /** Names of which it was told that they are paused. */
  readonly paused: Set<string>;
  /** Processes that were added while it ran. */
  added: number = 0;
  readonly #timers = new Set<Timer>();
  #onDied: () => void;

  constructor(world: HostWorld, number: number) {
    this.world = world;
    this.number = number;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#onDied = resolve;
    this.paused = new Set(world.journal.inner.coordination.paused());
    const { total } = world.setup;
    this.orchestrator = new Orchestrator({
      journal: world.journal.driver(this),
      clock: this.#clock(),
      random: world.chance.random,
      grace: "2s",
      ...(total !== undefined && { concurrency: total }),
    });
    this.orchestrator.onError((error) => void this.errors.push(error));
  }

  /** A moment in which it may die. */
  point(name: string): void {
    if (!this.alive || this.world.isCalm) return;
    if ((this.countdown -= 1) > 0) return;
    this.world.note(`host ${this.number} dies ${name}`);
    this.kill();
  }

  supersede(): void {
    if (!this.alive) return;
    this.superseded = true;
    this.world.note(`host ${this.number} has lost the journal`);
    this.world.sink.lost(this);
  }

  told(change: Change): void {
    if (change.type === "paused") this.paused.add(change.name);
    if (change.type === "resumed") this.paused.delete(change.name);
    if (change.type === "cancelled") this.world.sink.cancelled.add(change.fence);
  }

  kill(): void {
    if (!this.alive) return;
    this.#end();
    this.world.deaths += 1;
    this.world.journal.died(this);
    if (!this.superseded) this.world.sink.lost(this);
  }

  /** It has stopped by itself; with the process ends what still ran. */
  exit(): void {
    this.#end();
    this.world.sink.lost(this);
  }

  #end(): void {
    this.alive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#onDied();
  }

  #clock(): Clock {
    const { clock } = this.world;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (delay, callback) => {
        if (!this.alive) return { cancel: () => undefined };
        const timer = clock.setTimer(delay, () => {
          this.#timers.delete(timer);
          this.point("as a timer fires");
          if (this.alive) callback();
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            this.#timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }
}

import { waitAtMost, type Clock } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import type { RegisteredProcess } from "./components.ts";
import { Lane, type LaneHost } from "./lane.ts";
import { Opening } from "./opening.ts";

/** How long what was told to end at shutdown may take to do so, in milliseconds; then, how long processes may close. */
const LAST_WORDS = 750;
const CLOSING_PATIENCE = 500;

/** Gives due runs to processes: one lane each. */
export class Dispatcher {
  readonly #host: LaneHost;
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();
  #started = false;

  constructor(host: LaneHost) {
    this.#host = host;
    this.#clock = host.clock;
  }

  /** Opens a process that is to be added, or to replace another. @throws what it throws */
  async open(process: Process): Promise<Opening> {
    const opening = new Opening(this.#host, process);
    await opening.openNow();
    return opening;
  }

  /** @param opening of a process that is open already */
  add(registered: RegisteredProcess, paused: boolean, opening?: Opening): void {
    const { process } = registered;
    const lane = new Lane(this.#host, registered, opening ?? new Opening(this.#host, process));
    if (paused) lane.pause();
    this.#lanes.set(process.name, lane);
    if (this.#started) lane.start();
  }

  lane(name: string): Lane | undefined {
    return this.#lanes.get(name);
  }

  lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** From now on every lane takes runs. */
  start(): void {
    this.#started = true;
    for (const lane of this.#lanes.values()) lane.start();
  }

  /**
   * Ends one lane: what runs is finished first, however long it takes. An abandoned attempt goes on, and with order by
   * key its key waits for it still.
   */
  async remove(name: string): Promise<void> {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    await closeAndQuieten(lane);
    await lane.dispose();
    this.#lanes.delete(name);
  }

  /** Finishes what runs within `grace` milliseconds, then tells the rest to end and hands it back. */
  async stop(grace: number): Promise<void> {
    this.#started = false;
    const lanes = [...this.#lanes.values()];
    const quiet = Promise.all(lanes.map(closeAndQuieten));
    await waitAtMost(this.#clock, grace, quiet);
    const reason = new SluiceError("SHUTDOWN", "the pipeline stops; the run goes on at its next start");
    for (const lane of lanes) lane.abortAll(reason);
    await waitAtMost(this.#clock, LAST_WORDS, quiet);
    for (const lane of lanes) lane.abandonAll();
    const disposed = Promise.all(lanes.map((lane) => lane.dispose()));
    await waitAtMost(this.#clock, CLOSING_PATIENCE, disposed);
    this.#lanes.clear();
  }
}

async function closeAndQuieten(lane: Lane): Promise<void> {
  await lane.close();
  await lane.quiet();
}

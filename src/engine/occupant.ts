import type { Clock } from "../model/clock.ts";
import type { Process } from "../model/component.ts";
import type { ErrorRecord } from "../model/errors.ts";
import type { RegisteredProcess } from "./components.ts";
import { Hold } from "./hold.ts";
import type { Opening } from "./opening.ts";
import { RateLimit } from "./rate-limit.ts";
import type { ResolvedProcessSettings } from "./settings.ts";

/**
 * The process that has a lane, with what opens and what limits it. Another may take its place while attempts run: those
 * end with the one that they began with.
 */
export class Occupant {
  readonly process: Process;
  readonly settings: ResolvedProcessSettings;
  readonly opening: Opening;
  readonly #hold: Hold;
  readonly #rate: RateLimit | undefined;
  #running = 0;
  #onQuiet: (() => void) | undefined;

  constructor({ process, settings }: RegisteredProcess, opening: Opening, clock: Clock) {
    this.process = process;
    this.settings = settings;
    this.opening = opening;
    this.#hold = new Hold(clock);
    this.#rate = settings.rate && new RateLimit(settings.rate, clock);
  }

  /** Whether no run starts for a while: it could not be opened, or said that what all runs need is out of order. */
  get isBackingOff(): boolean {
    return this.opening.isBackingOff || this.isHeld;
  }

  get isHeld(): boolean {
    return this.#hold.remaining > 0;
  }

  /** Why it is held, or could not be opened the last time; `null` if neither was. */
  get lastError(): ErrorRecord | null {
    return this.#hold.reason ?? this.opening.lastError;
  }

  /** It said that no run is to start for so many milliseconds. */
  hold(delay: number, reason: ErrorRecord): void {
    this.#hold.begin(delay, reason);
  }

  /** How many of `atMost` its rate lets start now, beyond `pending`, which have their start coming. */
  available(atMost: number, pending: number): number {
    if (this.#rate === undefined) return atMost;
    return Math.max(0, this.#rate.available(atMost + pending) - pending);
  }

  /** Milliseconds until it lets one more start, beyond `pending`; `Infinity` if it never does by itself. */
  delay(pending: number): number {
    return Math.max(this.#hold.remaining, this.#rate?.delay(pending) ?? 0);
  }

  attemptBegan(): void {
    this.#rate?.spend();
    this.#running += 1;
  }

  attemptEnded(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#onQuiet?.();
  }

  /** Another has taken its place: it lets go of what it holds once its attempts have ended. */
  async leave(): Promise<void> {
    this.opening.stop();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onQuiet = resolve));
    await this.opening.dispose();
  }
}

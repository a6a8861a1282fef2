import type { Clock } from "../../model/clock.ts";
import { Postponed } from "../../model/errors.ts";

export interface BreakerOptions {
  /** Failures in a row that open the circuit; 0 for never. */
  readonly failures: number;
  /** Milliseconds until the first probe; twice as long after each that fails, up to `longest`. */
  readonly coolDown: number;
  readonly longest: number;
  /** The host, for messages. */
  readonly host: string;
}

/** What became of a call, for the host as a whole. `neutral`: it says nothing of the host. */
export type Health = "well" | "ill" | "neutral";

/** A run may be put off as long as the engine allows: days, at the longest cool-down. */
const LIMIT = 1_000;

/**
 * A circuit breaker (Nygard, Release It!, "Circuit Breaker"): after some failures in a row the host is left alone for
 * a while, then one call probes it. Those that come meanwhile wait for what the probe tells. Runs that it keeps from
 * the host cost no attempt, and their process is held.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  /** How often it opened since the host was last well. */
  #openings = 0;
  /** By the monotonic clock; `undefined` while the circuit is closed. */
  #openUntil: number | undefined;
  #reason = "";
  #probe: Promise<void> | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Makes a call, unless the circuit is open. @throws Postponed, and what `call` throws */
  async guard<T>(
    clock: Clock,
    signal: AbortSignal,
    call: () => Promise<T>,
    healthOf: (error: unknown) => Health,
    onOpen: (message: string) => void,
  ): Promise<T> {
    while (this.#openUntil !== undefined) {
      if (clock.monotonic() < this.#openUntil) throw this.#postponed(clock, undefined, 0);
      if (this.#probe === undefined) return this.#try(clock, call, healthOf, onOpen, true);
      await abortable(this.#probe, signal);
    }
    return this.#try(clock, call, healthOf, onOpen, false);
  }

  async #try<T>(
    clock: Clock,
    call: () => Promise<T>,
    healthOf: (error: unknown) => Health,
    onOpen: (message: string) => void,
    isProbe: boolean,
  ): Promise<T> {
    const probe = isProbe ? Promise.withResolvers<void>() : undefined;
    this.#probe ??= probe?.promise;
    try {
      const answer = await call();
      this.#close();
      return answer;
    } catch (error) {
      const health = healthOf(error);
      if (health === "well") this.#close();
      if (health === "ill") {
        this.#fail(clock, error, isProbe, onOpen);
        if (this.#openUntil !== undefined) throw this.#postponed(clock, error, askedDelay(error));
      }
      throw error;
    } finally {
      if (isProbe) this.#probe = undefined;
      probe?.resolve();
    }
  }

  #close(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#openUntil = undefined;
  }

  #fail(clock: Clock, error: unknown, isProbe: boolean, onOpen: (message: string) => void): void {
    const { failures, coolDown, longest, host } = this.#options;
    this.#failures += 1;
    this.#reason = (error as Error).message;
    const opens = isProbe || (this.#openUntil === undefined && failures > 0 && this.#failures >= failures);
    if (!opens) return;
    const cool = Math.max(Math.min(longest, coolDown * 2 ** this.#openings), askedDelay(error));
    this.#openings += 1;
    this.#openUntil = clock.monotonic() + cool;
    onOpen(
      `${host} failed ${this.#failures} times in a row: its circuit is open, the next call is in ${Math.ceil(cool / 1_000)} s`,
    );
  }

  #postponed(clock: Clock, cause: unknown, asked: number): Postponed {
    const rest = Math.max(1, asked, (this.#openUntil ?? 0) - clock.monotonic());
    return new Postponed(
      `the circuit of ${this.#options.host} is open after ${this.#failures} failures in a row: ${this.#reason}`,
      { delay: rest, limit: LIMIT, holdProcess: true, code: "CIRCUIT_OPEN", cause },
    );
  }
}

/** What a Retry-After header said, in milliseconds. */
function askedDelay(error: unknown): number {
  const { delay } = error as { readonly delay?: unknown };
  return typeof delay === "number" ? delay : 0;
}

/** Resolves with the promise; rejects with the signal's reason if that comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

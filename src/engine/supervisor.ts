import type { Clock } from "../model/clock.ts";
import type { ComponentState, EmitOptions, Input, Receipt } from "../model/component.ts";
import type { EventInit } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { Random } from "../model/uid.ts";
import type { Lease } from "../journal/coordination.ts";
import type { ErrorStream } from "./error-stream.ts";
import type { InputRow } from "./rows.ts";
import type { ResolvedInputSettings } from "./settings.ts";
import { SupervisedInput } from "./supervised-input.ts";

/** What all inputs of an engine have in common. */
export interface InputHost {
  readonly pipeline: string;
  readonly journalId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly errors: ErrorStream;
  logger(input: string): Logger;
  state(owner: string): ComponentState;
  lease(name: string, signal: AbortSignal): Promise<Lease | undefined>;
  emit(input: string, event: EventInit, options?: EmitOptions): Promise<Receipt>;
  emitAll(input: string, events: readonly EventInit[], options?: EmitOptions): Promise<Receipt[]>;
}

/** Starts inputs, keeps them going, and knows how each is. */
export class Supervisor {
  readonly #host: InputHost;
  readonly #inputs = new Map<string, SupervisedInput>();
  #started = false;

  constructor(host: InputHost) {
    this.#host = host;
  }

  add(input: Input, settings: ResolvedInputSettings, paused: boolean): void {
    const supervised = new SupervisedInput(this.#host, input, settings, paused);
    this.#inputs.set(input.name, supervised);
    if (this.#started) supervised.start();
  }

  input(name: string): SupervisedInput | undefined {
    return this.#inputs.get(name);
  }

  rows(): InputRow[] {
    return [...this.#inputs.values()].map((input) => input.row());
  }

  start(): void {
    this.#started = true;
    for (const input of this.#inputs.values()) input.start();
  }

  async remove(name: string, grace: number): Promise<void> {
    await this.#inputs.get(name)?.stop(grace);
    this.#inputs.delete(name);
  }

  async stop(grace: number): Promise<void> {
    this.#started = false;
    await Promise.all([...this.#inputs.values()].map((input) => input.stop(grace)));
  }
}

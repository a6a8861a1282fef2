import type { Input } from "../model/component.ts";
import type { InputHost } from "./input-host.ts";
import type { InputRow } from "./rows.ts";
import type { ResolvedInputSettings } from "./settings.ts";
import { SupervisedInput } from "./supervised-input.ts";

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

  /** Resolves when every input listens. @throws as `SupervisedInput.ready` */
  async ready(): Promise<void> {
    await Promise.all([...this.#inputs.values()].map((input) => input.ready()));
  }

  async remove(name: string, grace: number): Promise<void> {
    const input = this.#inputs.get(name);
    await input?.stop(grace);
    // Another may have taken its place meanwhile.
    if (this.#inputs.get(name) === input) this.#inputs.delete(name);
  }

  /** Ends an input, then starts another in its place. */
  async replace(
    input: Input,
    settings: ResolvedInputSettings,
    isPaused: () => boolean,
    grace: number,
  ): Promise<void> {
    await this.#inputs.get(input.name)?.stop(grace);
    this.add(input, settings, isPaused());
  }

  async stop(grace: number): Promise<void> {
    this.#started = false;
    await Promise.all([...this.#inputs.values()].map((input) => input.stop(grace)));
  }
}

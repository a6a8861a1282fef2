import type { Batch, ControlMessage } from "../layout.ts";

/** Reads a batch from its front to its end. */
export class BatchReader {
  readonly #values: Batch;
  #at = 0;

  constructor(values: Batch) {
    this.#values = values;
  }

  get position(): number {
    return this.#at;
  }

  moveTo(position: number): void {
    this.#at = position;
  }

  number(): number {
    return this.#values[this.#at++] as number;
  }

  text(): string {
    return this.#values[this.#at++] as string;
  }

  textOrNull(): string | null {
    return this.#values[this.#at++] as string | null;
  }

  control(): ControlMessage {
    return this.#values[this.#at++] as ControlMessage;
  }
}

import type { Clock } from "../../model/clock.ts";
import type { Logger } from "../../model/logger.ts";

/** Lines that one input's program may write into our log in a minute. */
const LIMIT = 1_000;
const MINUTE = 60_000;

type Level = "info" | "warn";

/** A program's part of our log: so much in a minute, and then a word of how much was left out. */
export class Notes {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #input: string;
  #began: number;
  #written = 0;

  constructor(log: Logger, clock: Clock, input: string) {
    this.#log = log;
    this.#clock = clock;
    this.#input = input;
    this.#began = clock.monotonic();
  }

  write(level: Level, fields: object, message: string): void {
    if (this.#clock.monotonic() - this.#began >= MINUTE) this.close();
    this.#written += 1;
    if (this.#written <= LIMIT) this.#log[level]({ input: this.#input, ...fields }, message);
  }

  /** Says what was left out since the last minute began. */
  close(): void {
    const cut = this.#written - LIMIT;
    if (cut > 0) {
      this.#log.warn(
        { input: this.#input, cut },
        `its program wrote more than ${LIMIT} lines in a minute into the log; ${cut} were left out`,
      );
    }
    this.#began = this.#clock.monotonic();
    this.#written = 0;
  }
}

import { createHash } from "node:crypto";
import type { Work } from "../journal/work.ts";

const OWNER = "$pipeline";
const KEY = "version";

/**
 * The pipeline's version: counts from 1, kept in the journal, and grows whenever the pipeline is not what it was.
 * Every attempt records the one that it began under, so it grows at once and becomes durable after.
 */
export class PipelineVersion {
  readonly #work: Work;
  #current = 0;
  #hash: string | undefined;
  #isLoaded = false;
  /** The commit of the current version; `undefined` if there is none, or it failed. */
  #written: Promise<void> | undefined;

  constructor(work: Work) {
    this.#work = work;
  }

  get current(): number {
    return this.#current;
  }

  /** Reads the last one. Until then {@link PipelineVersion.update} does nothing. */
  async load(): Promise<void> {
    const entry = await this.#work.readState(OWNER, KEY);
    if (entry !== undefined) {
      const last = JSON.parse(entry.value) as { version: number; hash: string };
      this.#current = last.version;
      this.#hash = last.hash;
      this.#written = Promise.resolve();
    }
    this.#isLoaded = true;
  }

  /**
   * Resolves when the pipeline's version is durable, whoever told of it first: then, too, is everything that was
   * routed by an earlier one.
   */
  async update(description: unknown): Promise<void> {
    if (!this.#isLoaded) return;
    const hash = createHash("sha256").update(JSON.stringify(description)).digest("hex");
    if (hash !== this.#hash) {
      this.#hash = hash;
      this.#current += 1;
      this.#written = undefined;
    }
    await (this.#written ??= this.#write());
  }

  #write(): Promise<void> {
    const value = JSON.stringify({ version: this.#current, hash: this.#hash });
    const writing = this.#work.commit({ state: [{ owner: OWNER, key: KEY, value }] }).then(() => undefined);
    writing.catch(() => {
      if (this.#written === writing) this.#written = undefined;
    });
    return writing;
  }
}

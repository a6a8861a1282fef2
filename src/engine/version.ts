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
    }
    this.#isLoaded = true;
  }

  /** Resolves when it is durable. */
  async update(description: unknown): Promise<void> {
    const hash = createHash("sha256").update(JSON.stringify(description)).digest("hex");
    if (!this.#isLoaded || hash === this.#hash) return;
    this.#hash = hash;
    this.#current += 1;
    const value = JSON.stringify({ version: this.#current, hash });
    await this.#work.commit({ state: [{ owner: OWNER, key: KEY, value }] });
  }
}

import { createHash } from "node:crypto";
import { PIPELINE_OWNER } from "../model/name.ts";
import type { StatePut, Work } from "../journal/work.ts";

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
    const entry = await this.#work.readState(PIPELINE_OWNER, KEY);
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
    const hash = hashOf(description);
    if (hash !== this.#hash) {
      this.#hash = hash;
      this.#current += 1;
      this.#written = undefined;
    }
    await (this.#written ??= this.#write());
  }

  /**
   * Makes the next version durable, with what belongs to it, before the pipeline is what it describes; `become` is
   * to be called once it is. Until then attempts record the one before.
   */
  async prepare(
    description: unknown,
    state: (version: number) => readonly StatePut[],
  ): Promise<{ readonly version: number; readonly become: () => void }> {
    const hash = hashOf(description);
    const version = hash === this.#hash ? this.#current : this.#current + 1;
    await this.#work.commit({ state: [put(version, hash), ...state(version)] });
    const become = (): void => {
      this.#current = version;
      this.#hash = hash;
      this.#written = Promise.resolve();
    };
    return { version, become };
  }

  /** Writes it once more: what was committed before is durable then. */
  async confirm(): Promise<void> {
    await this.#write();
  }

  #write(): Promise<void> {
    const state = [put(this.#current, this.#hash as string)];
    const writing = this.#work.commit({ state }).then(() => undefined);
    writing.catch(() => {
      if (this.#written === writing) this.#written = undefined;
    });
    return writing;
  }
}

function hashOf(description: unknown): string {
  return createHash("sha256").update(JSON.stringify(description)).digest("hex");
}

function put(version: number, hash: string): StatePut {
  return { owner: PIPELINE_OWNER, key: KEY, value: JSON.stringify({ version, hash }) };
}

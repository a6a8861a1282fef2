import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Input, InputContext } from "../../model/component.ts";
import type { Event } from "../../model/event.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../testing/context.ts";
import { realClock } from "../../testing/real-clock.ts";
import { fileInput, type FileInputOptions } from "./index.ts";

/** A folder of its own, and inputs that watch it one after the other, as restarts would. */
export class Watched implements AsyncDisposable {
  readonly folder: string;
  readonly #options: Partial<FileInputOptions>;
  #context: TestInputContext | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(folder: string, options: Partial<FileInputOptions>) {
    this.folder = folder;
    this.#options = options;
  }

  static async make(options: Partial<FileInputOptions> = {}): Promise<Watched> {
    return new Watched(await mkdtemp(join(tmpdir(), "sluice-file-")), options);
  }

  get context(): TestInputContext {
    if (this.#context === undefined) throw new Error("it was not started");
    return this.#context;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts it, with what earlier ones have kept. */
  async start(
    options: Partial<FileInputOptions> = {},
    context: InputContextOptions = {},
    wrap?: (context: TestInputContext) => InputContext,
  ): Promise<void> {
    const path = this.folder;
    const input = fileInput({ name: "files", path, stable: "20ms", ...this.#options, ...options });
    const state = this.#context?.entries;
    await this.run(input, { ...(state && { state }), ...context }, wrap);
  }

  async run(
    input: Input,
    context: InputContextOptions = {},
    wrap: (context: TestInputContext) => InputContext = (made) => made,
  ): Promise<void> {
    const made = createInputContext({ clock: realClock, ...context });
    this.#context = made;
    this.#ended = input.handle(wrap(made));
    this.#ended.catch(() => undefined);
    await Promise.race([made.isReady.wait(), this.#ended]);
  }

  /** Resolves once it has looked at all that there is: a file that is put there now has been told of. */
  async settled(): Promise<void> {
    await expect.poll(() => this.context.reported.lag?.events ?? 0, { timeout: 10_000 }).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 120));
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#context?.stop();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The events so far of this start, in short: operation, place below the folder, data. */
  get told(): unknown[] {
    return this.context.emitted.map((event) => this.short(event));
  }

  /** As `told`, in the order of their places, for what comes in no order. */
  get sorted(): unknown[] {
    return this.told.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  short({ operation, id, data }: Event): unknown[] {
    const place = id.slice(this.folder.length + 1);
    return data === undefined ? [operation, place] : [operation, place, data];
  }
}

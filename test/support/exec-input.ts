import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { execInput, type ExecInputOptions } from "../../src/inputs/exec/index.ts";
import type { Clock } from "../../src/model/clock.ts";
import type { Logger } from "../../src/model/logger.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";

/** Where its programs run. */
export const directory: string = await mkdtemp(join(tmpdir(), "sluice-exec-"));
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Time that passes a hundred times as fast. */
export const fastClock: Clock = {
  ...realClock,
  setTimer: (delay, callback) => realClock.setTimer(delay / 100, callback),
};
export const shell = (script: string): string[] => ["/bin/sh", "-c", script];
/** Prints each line, and hands what it is answered on to its standard error. */
export const asking = (...lines: readonly string[]): string[] =>
  shell(lines.map((line) => `printf '%s\\n' '${line}'; read -r answer; echo "$answer" >&2`).join("\n"));

export interface Listening {
  readonly context: TestInputContext;
  readonly ended: Promise<void>;
  /** What its program wrote to standard error, and what was logged besides. */
  readonly notes: string[];
  readonly warnings: { readonly fields: Record<string, unknown>; readonly message: string }[];
}

export function listen(options: ExecInputOptions, more: InputContextOptions = {}): Listening {
  const notes: string[] = [];
  const warnings: { fields: Record<string, unknown>; message: string }[] = [];
  const warn = (fields: object, message: string): void =>
    void warnings.push({ fields: fields as Record<string, unknown>, message });
  const logger: Logger = {
    debug: () => undefined,
    info: (_, message) => void notes.push(message),
    warn,
    error: warn,
  };
  const context = createInputContext({ name: "listener", clock: realClock, logger, ...more });
  const ended = execInput({ name: "listener", cwd: directory, ...options }).handle(context);
  ended.catch(() => undefined);
  return { context, ended, notes, warnings };
}

/** Runs a program that ends by itself. */
export async function hear(options: ExecInputOptions, more: InputContextOptions = {}): Promise<Listening> {
  const listening = listen(options, more);
  await listening.ended;
  return listening;
}

export const answersOf = ({ notes }: Listening): unknown[] =>
  notes.map((note) => JSON.parse(note) as unknown);

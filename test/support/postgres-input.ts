import pg from "pg";
import { systemClock } from "../../src/engine/system.ts";
import { postgresInput, type PostgresInputOptions } from "../../src/inputs/postgres/index.ts";
import type { InputContext, InputSettings } from "../../src/model/component.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../src/testing/context.ts";
import { createKeepingLogger } from "./logger.ts";

export interface RunningInput {
  readonly context: TestInputContext;
  /** What was logged, as `level: message`. */
  readonly lines: readonly string[];
  /** Settles when the input ends. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions extends Omit<PostgresInputOptions, "connectionString">, InputSettings {
  readonly context?: InputContextOptions;
  readonly override?: Partial<InputContext>;
}

/** Starts a `postgres` input on a context that keeps what it emits. */
export function startInput(
  connectionString: string,
  { context: own, override, ...options }: StartOptions,
): RunningInput {
  const name = own?.name ?? "capture";
  const { logger, lines } = createKeepingLogger();
  const context = createInputContext({ clock: systemClock, logger, name, ...own });
  const input = postgresInput({ name, connectionString, ...options });
  const ended = input.handle(
    override === undefined ? context : Object.assign(Object.create(context), override),
  );
  ended.catch(() => undefined);
  return {
    context,
    lines,
    ended,
    async stop() {
      context.stop();
      await ended;
    },
  };
}

/** As {@link startInput}, once it is ready. Rejects with the input's own error if it ends before. */
export async function startReadyInput(
  connectionString: string,
  options: StartOptions,
): Promise<RunningInput> {
  const running = startInput(connectionString, options);
  await Promise.race([running.context.isReady.wait(), running.ended]);
  return running;
}

/** A connection that survives the end of its server in silence. */
export async function openClient(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client(connectionString);
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Waits for something that a real server does, looking every few milliseconds. */
export async function eventually<Value>(
  look: () => Value | Promise<Value>,
  isDone: (value: Value) => boolean,
  within = 10_000,
): Promise<Value> {
  const deadline = performance.now() + within;
  for (;;) {
    const value = await look();
    if (isDone(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`not within ${within} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

import { sleep } from "../../model/clock.ts";
import type { Input, InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { defineInput, type InputKind } from "../../model/kind.ts";
import { parseSize } from "../../model/size.ts";
import { createAddressGuard } from "../../net/address.ts";
import { jitteredBackOff } from "../../net/back-off.ts";
import { createHttpClient, type HttpClient } from "../../net/client.ts";
import { checkUrlOption } from "../../net/target.ts";
import { createFetch } from "./fetch.ts";
import { createItemReader } from "./items.ts";
import { readMemory } from "./memory.ts";
import { pollInputOptions, type PollInputOptions, type ResolvedOptions } from "./options.ts";
import { createPageReader } from "./page.ts";
import { poll, type Failure, type Poller } from "./poll.ts";

export type { CursorOptions, PollInputOptions } from "./options.ts";

const AGAIN = { initial: 2_000, max: 300_000 };

/**
 * Asks a URL again and again, and emits what is new in its JSON: each item that it did not know, or that has changed.
 * How far it got is kept in the same commit as the events, so that a restart sends nothing twice and skips nothing.
 * Everything that is wrong with the source is the input's last error, and asked again after a back-off.
 */
export const pollInput: InputKind<PollInputOptions, ResolvedOptions, unknown> = defineInput({
  type: "poll",
  summary: "Asks a URL again and again, and emits what is new in the JSON that it answers.",
  options: pollInputOptions,
  secrets: ["headers", "body", "tls.key"],
  create: createPollInput,
  async check(options) {
    const client = clientOf(options);
    try {
      await client.reach(options.url);
    } finally {
      client.close();
    }
  },
});

function clientOf({ allowPrivate, maxAnswer, requestTimeout, tls }: ResolvedOptions): HttpClient {
  return createHttpClient({
    guard: createAddressGuard(allowPrivate),
    maxBody: parseSize(maxAnswer),
    tls,
    bodyTimeout: parseDuration(requestTimeout),
  });
}

function createPollInput(name: string, options: ResolvedOptions): Input {
  const url = checkUrlOption(options.url, createAddressGuard(options.allowPrivate));
  const readItem = createItemReader(options, options.location ?? `${url.origin}${url.pathname}`);
  const readPage = createPageReader(options);
  const every = parseDuration(options.every);

  async function handle(context: InputContext): Promise<void> {
    const { signal, clock } = context;
    const client = clientOf(options);
    const poller: Poller = { options, url, fetch: createFetch(options, client), readPage, readItem };
    try {
      const memory = await readMemory(context, options, url);
      for (let failures = 0; !signal.aborted;) {
        const began = clock.monotonic();
        const failure = await poll(poller, memory, context);
        failures = failure === undefined ? 0 : failures + 1;
        const rest = Math.max(0, every - (clock.monotonic() - began));
        await sleep(clock, failure === undefined ? rest : complain(context, failure, failures), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      client.close();
    }
  }

  return { name, type: "poll", handle };
}

/** Says what is wrong; answers how long to wait, in milliseconds. */
function complain(context: InputContext, { error, retryAfter = 0 }: Failure, failures: number): number {
  const delay = Math.max(retryAfter, jitteredBackOff(AGAIN, failures, context.random));
  context.report({ error });
  const seconds = Math.ceil(delay / 1_000);
  context.log.warn({ input: context.name, err: error, seconds }, "a poll failed; it is tried again");
  return delay;
}

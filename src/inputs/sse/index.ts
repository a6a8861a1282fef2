import { sleep } from "../../model/clock.ts";
import type { Input, InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { SluiceError } from "../../model/errors.ts";
import { defineInput, type InputKind } from "../../model/kind.ts";
import { parseSize } from "../../model/size.ts";
import { createAddressGuard } from "../../net/address.ts";
import { jitteredBackOff } from "../../net/back-off.ts";
import { createHttpClient, type HttpClient } from "../../net/client.ts";
import { checkUrlOption } from "../../net/target.ts";
import { connect, Refusal } from "./connect.ts";
import { createMessageReader, type Taken } from "./message.ts";
import { sseInputOptions, type ResolvedOptions, type SseInputOptions } from "./options.ts";
import { readStream, type Batch } from "./stream.ts";

export type { SseInputOptions } from "./options.ts";

const LAST_ID = "last-event-id";
/** What the HTML standard leaves to us: how long after its end a stream is opened anew. */
const RECONNECT = 3_000;
const LONGEST = 300_000;
/** A server that says `retry: 0` is not asked in a tight loop for that. */
const SHORTEST = 100;
/** Characters of an id that is kept. What is longer would not fit into a request's headers. */
const LONGEST_ID = 4_000;

/**
 * Listens to a stream of server-sent events: each message is an event. The id of the last one is kept once its event
 * is, and sent as `Last-Event-ID` when the stream is opened anew. A message with an id that comes again is a duplicate.
 */
export const sseInput: InputKind<SseInputOptions, ResolvedOptions, unknown> = defineInput({
  type: "sse",
  summary: "Listens to a stream of server-sent events, and resumes it where it ended.",
  options: sseInputOptions,
  secrets: ["headers", "tls.key"],
  create: createSseInput,
  async check({ url, allowPrivate }) {
    const client = createHttpClient({ guard: createAddressGuard(allowPrivate) });
    try {
      await client.reach(url);
    } finally {
      client.close();
    }
  },
});

/** How far one life of the input is. */
interface Progress {
  lastId: string;
  /** Milliseconds after which the server wants the stream to be opened anew. */
  retry: number;
}

function createSseInput(name: string, options: ResolvedOptions): Input {
  const guard = createAddressGuard(options.allowPrivate);
  const url = checkUrlOption(options.url, guard);
  const source = `${url.origin}${url.pathname}`;
  const take = createMessageReader(options, options.location ?? source);
  const idle = parseDuration(options.idle);
  const maxMessage = parseSize(options.maxMessage);

  async function handle(context: InputContext): Promise<void> {
    const { signal, clock } = context;
    const client = createHttpClient({ guard, tls: options.tls });
    const progress: Progress = { lastId: await readLastId(context, source), retry: RECONNECT };
    try {
      for (let failures = 0; !signal.aborted;) {
        const ending = await listen(client, context, progress);
        if (signal.aborted) return;
        if (ending === "unwanted") {
          context.log.warn(
            { input: name },
            "the server answered 204: it wants no more connections (HTML standard)",
          );
          return;
        }
        failures = ending.hasListened ? 1 : failures + 1;
        await sleep(clock, delay(context, ending, progress.retry, failures), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      client.close();
    }
  }

  /** One connection, until it ends. Throws what the journal refuses; all that is wrong with the source is answered. */
  async function listen(
    client: HttpClient,
    context: InputContext,
    progress: Progress,
  ): Promise<Ending | "unwanted"> {
    let hasListened = false;
    const opening = connect(client, url, options, progress.lastId, context);
    const opened = await opening.catch((error: unknown) => ({ error }));
    if (opened === undefined) return "unwanted";
    if ("error" in opened) return { hasListened, error: opened.error };
    context.ready();
    const parts = readStream(opened, { clock: context.clock, idle, maxMessage, origin: url.origin });
    try {
      for (;;) {
        const part = await parts.next().catch((error: unknown) => ({ error }));
        if ("error" in part) return { hasListened, error: part.error };
        if (part.done === true) return { hasListened, error: undefined };
        hasListened = true;
        if (context.signal.aborted) return { hasListened, error: undefined };
        await keep(context, part.value, progress);
      }
    } finally {
      opened.destroy();
    }
  }

  async function keep(context: InputContext, batch: Batch, progress: Progress): Promise<void> {
    const taken = batch.messages.map(take).filter((one) => one !== undefined);
    await emitEach(context, taken);
    progress.retry = Math.min(batch.retry ?? progress.retry, LONGEST);
    if (batch.lastId === undefined || batch.lastId === progress.lastId) return;
    progress.lastId = shortId(context, batch.lastId);
    // After the events: what is between them and a crash comes again, and is known.
    await context.state.put(LAST_ID, { source, id: progress.lastId });
  }

  return { name, type: "sse", announcesReady: true, handle };
}

/** How a connection ended. */
interface Ending {
  readonly hasListened: boolean;
  /** `undefined` if the server ended it. */
  readonly error: unknown;
}

/** In one commit of the journal, mostly; each is known again if only some are kept. */
async function emitEach(context: InputContext, taken: readonly Taken[]): Promise<void> {
  const emitting = taken.map(({ event, dedupe }) =>
    context.emit(event, dedupe === undefined ? {} : { dedupe }),
  );
  for (const result of await Promise.allSettled(emitting))
    if (result.status === "rejected") throw result.reason;
}

async function readLastId({ state }: InputContext, source: string): Promise<string> {
  const kept = (await state.get(LAST_ID))?.value as { source?: unknown; id?: unknown } | undefined;
  return kept?.source === source && typeof kept.id === "string" ? kept.id : "";
}

/** What no request could carry is as good as none, but for a word about it. */
function shortId({ name, log, report }: InputContext, id: string): string {
  if (id.length <= LONGEST_ID) return id;
  const message = `an id of ${id.length} characters is more than a request can carry (${LONGEST_ID}): messages that are sent while the stream is down will be missing`;
  const error = new SluiceError("INVALID_ANSWER", message);
  report({ error });
  log.warn({ input: name, err: error }, "the stream cannot be resumed there");
  return "";
}

/** Says what is wrong, if something is; answers how long to wait, in milliseconds. */
function delay(context: InputContext, { error }: Ending, retry: number, failures: number): number {
  const backedOff = jitteredBackOff(
    { initial: Math.max(retry, SHORTEST), max: LONGEST },
    failures,
    context.random,
  );
  if (error === undefined) return failures === 1 ? Math.max(retry, SHORTEST) : backedOff;
  const refusal = error instanceof Refusal ? error : undefined;
  const said = refusal?.cause ?? error;
  const wait = Math.max(refusal?.retryAfter ?? 0, backedOff);
  context.report({ error: said });
  const seconds = Math.ceil(wait / 1_000);
  context.log.warn({ input: context.name, err: said, seconds }, "the stream is opened anew after a while");
  return wait;
}

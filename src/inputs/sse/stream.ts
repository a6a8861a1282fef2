import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Clock } from "../../model/clock.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import type { HttpStream } from "../../net/client.ts";

/** What a part of a stream told. */
export interface Batch {
  readonly messages: readonly EventSourceMessage[];
  /** The newest id of a block; `undefined` if none had one. */
  readonly lastId: string | undefined;
  /** Milliseconds after which the server wants to be asked anew; `undefined` if it did not say. */
  readonly retry: number | undefined;
}

export interface StreamOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly idle: number;
  /** Characters of one message. */
  readonly maxMessage: number;
  /** For messages. */
  readonly origin: string;
}

/**
 * Reads an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html), part by part: no more is read
 * before the last part was dealt with. Ends when the server does.
 *
 * @throws SluiceError TIMEOUT if it falls silent, INVALID_ANSWER if a message is too large, NETWORK if it breaks off
 */
export async function* readStream(
  stream: HttpStream,
  options: StreamOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { clock, idle, maxMessage, origin } = options;
  let messages: EventSourceMessage[] = [];
  let lastId: string | undefined;
  let idBefore: string | undefined;
  let retry: number | undefined;
  let isTooLarge = false;
  const parser = createParser({
    maxBufferSize: maxMessage,
    onId: (id) => {
      idBefore = lastId;
      lastId = id;
    },
    onRetry: (delay) => (retry = delay),
    onEvent: (message) => {
      if (isTooLarge) return;
      isTooLarge = message.data.length > maxMessage;
      // It comes again, so what is kept must not go past it.
      if (isTooLarge) lastId = idBefore;
      else messages.push(message);
    },
    onError: ({ type }) => (isTooLarge ||= type === "max-buffer-size-exceeded"),
  });
  const decoder = new TextDecoder();
  const silent = new SluiceError(
    "TIMEOUT",
    `${origin} was silent for ${idle} ms; the connection is made anew`,
  );
  const parts = stream.body[Symbol.asyncIterator]();
  for (;;) {
    // Only the server's silence counts, not the time that events take to be kept.
    const timer = clock.setTimer(idle, () => stream.destroy(silent));
    const part = await parts
      .next()
      .catch((cause: unknown) => {
        if (isSluiceError(cause)) throw cause;
        throw new SluiceError("NETWORK", `the stream of ${origin} broke off`, { cause });
      })
      .finally(() => timer.cancel());
    if (part.done === true) return;
    messages = [];
    lastId = idBefore = undefined;
    retry = undefined;
    parser.feed(decoder.decode(part.value, { stream: true }));
    if (messages.length > 0 || lastId !== undefined || retry !== undefined) yield { messages, lastId, retry };
    if (isTooLarge) {
      const what = `a message of ${origin} has more than ${maxMessage} characters; raise max_message`;
      throw new SluiceError("INVALID_ANSWER", what);
    }
  }
}

/** One message of the stream, as it is sent. */
export interface Sent {
  readonly number: number;
  readonly bytes: Uint8Array;
}

const MESSAGES = 2_000;
const BYTES = 4_194_304;

/** The last messages, for clients that come back. Bounded in number and size. */
export class Backlog {
  readonly #prefix: string;
  #sent: Sent[] = [];
  #bytes = 0;
  #last = 0;

  /** @param prefix tells this stream from one of before: ids of another are not found here */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The id of the newest message. */
  get lastId(): string {
    return this.#id(this.#last);
  }

  append(event: string, data: unknown): Sent {
    this.#last += 1;
    const sent = { number: this.#last, bytes: encode(event, data, this.#id(this.#last)) };
    this.#sent.push(sent);
    this.#bytes += sent.bytes.length;
    if (this.#sent.length > MESSAGES || this.#bytes > BYTES) this.#forget();
    return sent;
  }

  /** What came after the message with this id; `undefined` if that is no longer known. */
  after(id: string): readonly Sent[] | undefined {
    const number = Number(id.slice(this.#prefix.length + 1));
    if (!Number.isSafeInteger(number) || this.#id(number) !== id || number > this.#last) return undefined;
    const oldest = this.#last - this.#sent.length;
    return number < oldest ? undefined : this.#sent.slice(number - oldest);
  }

  /** A quarter at once, so that it is seldom. */
  #forget(): void {
    const gone = this.#sent.splice(0, Math.ceil(this.#sent.length / 4));
    for (const { bytes } of gone) this.#bytes -= bytes.length;
  }

  #id(number: number): string {
    return `${this.#prefix}-${number}`;
  }
}

const encoder = new TextEncoder();

/**
 * A message as the HTML standard, section 9.2.6 has it. JSON has no line ends, so it is one line.
 */
export function encode(event: string, data: unknown, id: string): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** A line that clients ignore and proxies see. */
export const HEARTBEAT: Uint8Array = encoder.encode(": alive\n\n");

import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { EventInit } from "../../model/event.ts";
import { createDecoder, type Decoded, type Decoder } from "./decode.ts";
import { invalidFile } from "./faults.ts";
import type { Entry } from "./ledger.ts";
import { inodeOf } from "./place.ts";
import { edgesOf, proofOf } from "./proof.ts";
import type { FileView } from "./view.ts";
import { Splitter, type Piece } from "./records.ts";

const CHUNK = 256 * 1_024;
/** Events of one commit. */
const BATCH = 2_000;

export interface Reading {
  readonly location: string;
  readonly file: FileHandle;
  /** What the file was when it was opened. */
  readonly seen: string;
  readonly size: number;
  readonly from: Pick<Entry, "offset" | "line" | "columns" | "stays">;
  /** Of the bytes before; none if it must not be made. */
  readonly hash: Hash | undefined;
  readonly operation: "create" | "update";
  /** Whether the events are told, or only known from now on. */
  readonly isTold: boolean;
  /** Whether the last line counts though nothing ends it. */
  readonly isWhole: () => Promise<boolean>;
}

/**
 * Tells the rows of a file from where it was told to, a batch at a time: each is a commit, which also keeps how far that
 * was. Resolves with `false` if the file changed meanwhile, so that it must be looked at again.
 *
 * @throws SluiceError INVALID_FILE at a row that cannot be read, if it is not left out; those before it are told
 */
export async function tellRows(look: FileView, reading: Reading): Promise<boolean> {
  const { options } = look;
  const { from } = reading;
  const { delimiter, quote } = options;
  const csv = options.read === "csv" ? { delimiter, quote } : undefined;
  const splitter = new Splitter({ ...from, maxBytes: look.maxBytes, csv });
  const progress = new Progress(look, reading, createDecoder(options, from.columns));
  try {
    return await readOn(look, reading, splitter, progress);
  } finally {
    await progress.end();
  }
}

async function readOn(
  look: FileView,
  reading: Reading,
  splitter: Splitter,
  progress: Progress,
): Promise<boolean> {
  const { options, signal } = look;
  const { file, from } = reading;
  const limit = options.follow ? reading.size : Number.POSITIVE_INFINITY;
  for (let at = from.offset; ;) {
    signal.throwIfAborted();
    const length = Math.min(CHUNK, limit - at);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    const chunk = buffer.subarray(0, bytesRead);
    at += bytesRead;
    const isEnd = bytesRead < CHUNK;
    progress.read(chunk);
    splitter.push(chunk);
    const isWhole = isEnd && (await reading.isWhole());
    for (let pieces = take(splitter, isWhole); ; pieces = take(splitter, isWhole)) {
      const isLast = pieces.length < BATCH;
      await progress.tell(pieces, { isLast: isLast && isEnd, isWhole });
      if (isLast) break;
    }
    if (isEnd) return isWhole || options.follow;
    progress.pass(splitter.position);
  }
}

function take(splitter: Splitter, isWhole: boolean): Piece[] {
  const pieces: Piece[] = [];
  while (pieces.length < BATCH) {
    const piece = splitter.next() ?? (isWhole ? splitter.last() : undefined);
    if (piece === undefined) break;
    pieces.push(piece);
  }
  return pieces;
}

/** How far a file was told. */
class Progress {
  readonly #look: FileView;
  readonly #reading: Reading;
  readonly #decoder: Decoder;
  /** Bytes that were read and are not in the hash yet, and where they begin. */
  #pending: Buffer[] = [];
  #hashed: number;
  readonly #hash: Hash | undefined;
  #offset: number;
  #line: number;
  #stays: boolean;
  /** The commit before: the next batch is read meanwhile. */
  #saving: Promise<void> = Promise.resolve();

  constructor(look: FileView, reading: Reading, decoder: Decoder) {
    this.#look = look;
    this.#reading = reading;
    this.#decoder = decoder;
    this.#hash = look.options.follow ? undefined : (reading.hash ?? createHash("sha256"));
    this.#offset = this.#hashed = reading.from.offset;
    this.#line = reading.from.line;
    this.#stays = !reading.isTold || reading.from.stays === true;
  }

  read(chunk: Buffer): void {
    if (this.#hash !== undefined && chunk.length > 0) this.#pending.push(chunk);
  }

  /** Takes the bytes before `offset` into the hash. */
  pass(offset: number): void {
    while (this.#hashed < offset) {
      const chunk = this.#pending[0];
      if (chunk === undefined) return;
      const length = Math.min(chunk.length, offset - this.#hashed);
      this.#hash?.update(chunk.subarray(0, length));
      this.#hashed += length;
      if (length === chunk.length) this.#pending.shift();
      else this.#pending[0] = chunk.subarray(length);
    }
  }

  async tell(
    pieces: readonly Piece[],
    { isLast, isWhole }: { readonly isLast: boolean; readonly isWhole: boolean },
  ): Promise<void> {
    const events: EventInit[] = [];
    for (const decoded of this.#decoder.decode(pieces)) {
      if ("fault" in decoded) {
        const error = this.#fault(decoded);
        if (error !== undefined) {
          // What comes before it is told.
          if (events.length > 0) await this.#save(events, { isLast: false, isWhole: false });
          throw error;
        }
      } else if ("data" in decoded) {
        events.push(this.#event(decoded.piece, decoded.data));
      }
      this.#offset = decoded.piece.end;
      this.#line += decoded.piece.lines;
    }
    if (pieces.length > 0 || isLast) await this.#save(events, { isLast, isWhole });
  }

  #fault({ piece, fault, isHeader }: Decoded & { fault: string; isHeader?: boolean }): Error | undefined {
    const { location, isTold } = this.#reading;
    const error = invalidFile(location, piece.line, fault);
    if (isHeader === true) return error;
    if (!isTold) return undefined;
    if (this.#look.options.onUndecodable === "hold") return error;
    this.#look.skipped(error);
    this.#stays = true;
    return undefined;
  }

  #event({ line }: Piece, data: unknown): EventInit {
    const { location, operation } = this.#reading;
    return { location, operation, id: `${location}#${line}`, key: location, data };
  }

  /** Resolves once no commit is under way, whether or not it succeeded: nothing outlives the reading. */
  async end(): Promise<void> {
    await this.#saving.catch(() => undefined);
  }

  async #save(
    events: readonly EventInit[],
    { isLast, isWhole }: { readonly isLast: boolean; readonly isWhole: boolean },
  ): Promise<void> {
    const { options, ledger } = this.#look;
    const { location, file, seen, operation, isTold } = this.#reading;
    this.pass(this.#offset);
    const proof = this.#hash === undefined ? await edgesOf(file, this.#offset) : proofOf(this.#hash);
    const isDone = isLast && (isWhole || options.follow);
    const { columns } = this.#decoder;
    const entry: Entry = {
      // Its inode still tells where it has gone, should it be renamed.
      seen: isDone ? seen : `${inodeOf(seen)}:`,
      proof,
      offset: this.#offset,
      line: this.#line,
      ...(!isDone && { rest: operation }),
      ...(this.#stays && { stays: true }),
      ...(columns !== undefined && { columns }),
    };
    await this.#saving;
    this.#saving = ledger.save(location, entry, isTold ? events : []);
    this.#saving.catch(() => undefined);
    if (isLast) await this.#saving;
  }
}

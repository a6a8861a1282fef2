import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError } from "../../model/errors.ts";
import { parseSize } from "../../model/size.ts";
import { createRemoval, putBack, type Removal } from "./after.ts";
import { unreadable } from "./faults.ts";
import { Followed } from "./follow.ts";
import type { Entry, Ledger } from "./ledger.ts";
import { isByRows, type ResolvedOptions } from "./options.ts";
import { signatureOf, type Place } from "./place.ts";
import { recognize } from "./proof.ts";
import { tellRows } from "./rows.ts";
import type { FileView } from "./view.ts";
import { readWhole } from "./whole.ts";

/** What a file looked like when it was seen not to rest. */
interface Glimpse {
  readonly signature: string;
  readonly at: number;
}

const GONE = "gone";
/** Milliseconds until a file is looked at again that changed under the look. */
const AT_ONCE = 1;
/** Nanoseconds. */
const MILLISECOND = 1_000_000n;

/** Compares a file with what was told of it, and tells what is new. */
export class Look implements FileView {
  readonly options: ResolvedOptions;
  readonly place: Place;
  readonly ledger: Ledger;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  readonly #context: InputContext;
  readonly #stable: number;
  readonly #glimpses = new Map<string, Glimpse>();
  readonly #followed: Followed | undefined;
  readonly #removal: Removal | undefined;
  /** Files that are held, and what they looked like: read again once that has changed. */
  readonly #held = new Map<string, string>();
  #skipped = 0;
  /** Files of the very first start that are not told: until each is known. */
  #silent: Set<string> | undefined;

  constructor(
    context: InputContext,
    options: ResolvedOptions,
    place: Place,
    ledger: Ledger,
    directory: string,
  ) {
    this.#context = context;
    this.options = options;
    this.place = place;
    this.ledger = ledger;
    this.signal = context.signal;
    this.maxBytes = parseSize(options.maxBytes);
    this.#stable = parseDuration(options.stable);
    this.#followed = options.follow ? new Followed(this) : undefined;
    this.#removal = createRemoval(options, place, directory);
  }

  /** Files that cannot be read, and what was left out since the start. */
  get counts(): { readonly held: number; readonly skipped: number } {
    return { held: this.#held.size, skipped: this.#skipped };
  }

  /** Takes these files as they are, without a word. */
  async takeSilently(locations: ReadonlySet<string>): Promise<void> {
    this.#silent = new Set(locations);
    await this.#begin();
  }

  isTold(location: string): boolean {
    return this.#silent?.has(location) !== true;
  }

  async #begin(): Promise<void> {
    if (this.#silent === undefined || this.#silent.size > 0) return;
    await this.ledger.begin();
    this.#silent = undefined;
  }

  /** What was about to leave when an owner died has its name again. */
  async putBack(): Promise<void> {
    for (const [location] of this.ledger.entries())
      if (this.isLeaving(location)) await putBack(this.place.absolute(location));
  }

  now(): number {
    return this.#context.clock.now();
  }

  skipped(error: Error): void {
    this.#skipped += 1;
    this.#context.log.warn({ input: this.#context.name, err: error }, "left out, as on_undecodable says");
    this.#context.report({ error });
  }

  /** Tells what is new of a file. @returns milliseconds until it is to be looked at again; `undefined` for not by itself */
  async at(location: string): Promise<number | undefined> {
    const again = await this.#at(location);
    if (again === undefined && this.#silent?.delete(location) === true && !this.signal.aborted)
      await this.#begin();
    return again;
  }

  async #at(location: string): Promise<number | undefined> {
    let appearance = "";
    try {
      const stats = await this.place.stat(location);
      if (stats === undefined) return await this.#gone(location);
      // A changed permission shows in its ctime only.
      appearance = `${signatureOf(stats)}:${stats.ctimeNs}`;
      if (this.#held.get(location) === appearance) return undefined;
      const again = await this.#present(location, stats);
      this.#held.delete(location);
      return again;
    } catch (error) {
      if (this.signal.aborted) return undefined;
      if (isSluiceError(error, "INVALID_FILE")) return this.#hold(location, appearance, error);
      if (isSluiceError(error, "SOURCE_UNAVAILABLE")) return this.#hold(location, "", error);
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      // What the system refuses may pass by itself: the next scan asks again.
      return this.#hold(location, "", unreadable(this.place.absolute(location), error));
    }
  }

  async #present(location: string, stats: BigIntStats): Promise<number | undefined> {
    const known = this.ledger.get(location);
    const signature = signatureOf(stats);
    if (known?.seen === signature) {
      this.#glimpses.delete(location);
      return this.#remove(location, signature);
    }
    // What was told is to be gone: another one is new, even with the same content.
    const entry = this.isLeaving(location) ? undefined : known;
    if (this.#followed === undefined) {
      const wait = this.#rest(location, signature, Number(stats.mtimeNs / MILLISECOND));
      if (wait > 0) return wait;
    }
    const again = await this.#tell(location, signature, entry);
    return again ?? this.#remove(location, signature);
  }

  async #tell(location: string, signature: string, entry: Entry | undefined): Promise<number | undefined> {
    const file = await this.place.open(location);
    if (file === undefined) return AT_ONCE;
    try {
      const opened = await file.stat({ bigint: true });
      if (this.#followed !== undefined) return await this.#followed.tell(location, file, opened, entry);
      // It changed between the two: it does not rest.
      if (signatureOf(opened) !== signature) return AT_ONCE;
      const isDone = await this.#read(location, file, opened, entry);
      return isDone ? undefined : AT_ONCE;
    } finally {
      await file.close();
    }
  }

  /** Whether a file is to be taken away, as all of it was told. */
  isLeaving(location: string): boolean {
    const entry = this.ledger.get(location);
    return (
      this.#removal !== undefined &&
      entry !== undefined &&
      entry.rest === undefined &&
      entry.stays === undefined
    );
  }

  async #remove(location: string, signature: string): Promise<number | undefined> {
    if (this.#removal === undefined || !this.isLeaving(location)) return undefined;
    if (!(await this.#removal.remove(location, signature))) return AT_ONCE;
    // Nobody else has deleted it: nothing is told.
    if ((await this.place.stat(location)) === undefined) await this.ledger.save(location, null);
    return undefined;
  }

  #read(location: string, file: FileHandle, stats: BigIntStats, entry: Entry | undefined): Promise<boolean> {
    return isByRows(this.options.read)
      ? this.#readRows(location, file, stats, entry)
      : this.#readWhole(location, file, stats, entry);
  }

  async #readWhole(
    location: string,
    file: FileHandle,
    stats: BigIntStats,
    entry: Entry | undefined,
  ): Promise<boolean> {
    const { proof, size, says, fault } = await readWhole(
      this,
      location,
      file,
      Number(stats.mtimeNs / MILLISECOND),
    );
    const seen = signatureOf(stats);
    if (!(await this.isStill(location, file, seen))) return false;
    const operation = entry === undefined ? "create" : "update";
    const isSame = entry !== undefined && entry.rest === undefined && entry.proof === proof;
    const isTold = this.isTold(location);
    if (fault !== undefined && !isSame && isTold) {
      if (this.options.onUndecodable === "hold") throw fault;
      this.skipped(fault);
    }
    const tells = !isSame && isTold && fault === undefined;
    const stays = isSame ? entry.stays === true : !tells;
    const event = { location, operation, id: location, key: location, ...says };
    const told: Entry = { seen, proof, offset: size, line: 0, ...(stays && { stays }) };
    await this.ledger.save(location, told, tells ? [event] : []);
    return true;
  }

  async #readRows(
    location: string,
    file: FileHandle,
    stats: BigIntStats,
    entry: Entry | undefined,
  ): Promise<boolean> {
    const seen = signatureOf(stats);
    const size = Number(stats.size);
    const known =
      entry !== undefined && size >= entry.offset ? await recognize(file, entry, this.signal) : undefined;
    if (entry !== undefined && known !== undefined && entry.rest === undefined && size === entry.offset) {
      await this.ledger.save(location, { ...entry, seen });
      return true;
    }
    const goesOn = known !== undefined && entry?.rest !== undefined;
    return tellRows(this, {
      location,
      file,
      seen,
      size,
      from: goesOn ? entry : { offset: 0, line: 0 },
      hash: goesOn ? known.hash : undefined,
      operation: entry === undefined ? "create" : goesOn ? entry.rest : "update",
      isTold: this.isTold(location),
      isWhole: () => this.isStill(location, file, seen),
    });
  }

  /** Whether what was opened is what it was, and still there. */
  async isStill(location: string, file: FileHandle, seen: string): Promise<boolean> {
    const [opened, found] = await Promise.all([file.stat({ bigint: true }), this.place.stat(location)]);
    return signatureOf(opened) === seen && found !== undefined && signatureOf(found) === seen;
  }

  async #gone(location: string): Promise<number | undefined> {
    this.#held.delete(location);
    const entry = this.ledger.get(location);
    if (entry === undefined) {
      this.#glimpses.delete(location);
      return undefined;
    }
    // The files of a folder that is not there are not deleted: it may be a share that is not mounted.
    if (!(await this.place.hasRoot())) return undefined;
    const wait = this.#rest(location, GONE, Number.POSITIVE_INFINITY);
    if (wait > 0) return wait;
    if (this.isLeaving(location)) {
      await this.ledger.save(location, null);
      return undefined;
    }
    await this.#followed?.finish(location, entry);
    const operation = "delete";
    await this.ledger.save(location, null, [{ location, operation, id: location, key: location }]);
    return undefined;
  }

  /** Milliseconds until it has rested: by its own time, or as it was seen, for times of other machines may be wrong. */
  #rest(location: string, signature: string, modified: number): number {
    const { clock } = this.#context;
    const byTime = modified + this.#stable - clock.now();
    const now = clock.monotonic();
    let glimpse = this.#glimpses.get(location);
    if (glimpse?.signature !== signature) {
      glimpse = { signature, at: now };
      this.#glimpses.set(location, glimpse);
    }
    const wait = Math.min(byTime, glimpse.at + this.#stable - now);
    if (wait <= 0) this.#glimpses.delete(location);
    return wait;
  }

  #hold(location: string, appearance: string, error: Error): undefined {
    const { log, name, report } = this.#context;
    if (!this.#held.has(location))
      log.error({ input: name, err: error }, "a file is held until it changes or can be read");
    this.#held.set(location, appearance);
    report({ error });
  }
}

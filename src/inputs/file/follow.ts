import type { BigIntStats } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { parseDuration } from "../../model/duration.ts";
import type { Entry } from "./ledger.ts";
import type { FileView } from "./view.ts";
import { findRotated, inodeOf, signatureOf } from "./place.ts";
import { recognize } from "./proof.ts";
import { tellRows } from "./rows.ts";

const START: Pick<Entry, "offset" | "line"> = { offset: 0, line: 0 };

/** Files that grow at their end, are cut off, and are rotated: renamed, with another one in their place. */
export class Followed {
  readonly #look: FileView;

  constructor(look: FileView) {
    this.#look = look;
  }

  /** Tells what is new at the end of a file. */
  async tell(
    location: string,
    file: FileHandle,
    stats: BigIntStats,
    entry: Entry | undefined,
  ): Promise<number | undefined> {
    const { signal } = this.#look;
    if (entry !== undefined && (await this.#goesOn(file, stats, entry))) {
      await this.#read(location, file, stats, entry);
      return undefined;
    }
    if (entry !== undefined) {
      const wait = await this.#finishRotated(location, entry);
      if (wait > 0) return wait;
      signal.throwIfAborted();
    }
    await this.#read(location, file, stats, await this.#movedFrom(location, file, stats));
    return undefined;
  }

  /** Tells the rest of a file that was renamed to where it does not count, before it is told as deleted. */
  async finish(location: string, entry: Entry): Promise<void> {
    await this.#finishRotated(location, entry);
  }

  async #goesOn(file: FileHandle, stats: BigIntStats, entry: Entry): Promise<boolean> {
    if (Number(stats.size) < entry.offset) return false;
    return (await recognize(file, entry, this.#look.signal)) !== undefined;
  }

  /** What was told of this very file under another name, if it has been renamed. */
  async #movedFrom(location: string, file: FileHandle, stats: BigIntStats): Promise<Entry | undefined> {
    const { ledger, place } = this.#look;
    const other = ledger.locationOf(String(stats.ino));
    const entry = other === undefined ? undefined : ledger.get(other);
    if (other === undefined || other === location || entry === undefined || entry.offset === 0)
      return undefined;
    const there = await place.stat(other);
    if (there?.ino === stats.ino) return undefined;
    return (await this.#goesOn(file, stats, entry)) ? entry : undefined;
  }

  /** @returns milliseconds to wait, as it may still be written to */
  async #finishRotated(location: string, entry: Entry): Promise<number> {
    const { place, options, signal } = this.#look;
    const path = await findRotated(place.absolute(location), inodeOf(entry.seen)).catch(() => undefined);
    if (path === undefined) return 0;
    const stats = await stat(path, { bigint: true }).catch(() => undefined);
    if (stats === undefined) return 0;
    const rested = this.#look.now() - Number(stats.mtimeNs / 1_000_000n);
    const wait = parseDuration(options.stable) - rested;
    const file = await open(path).catch(() => undefined);
    if (file === undefined) return 0;
    try {
      if (!(await this.#goesOn(file, stats, entry))) return 0;
      const other = place.location(path);
      if (other !== undefined && place.includes(other)) {
        // It counts under its new name too: it is told on under that.
        await this.#look.at(other);
        return 0;
      }
      if (wait > 0 && rested >= 0) return wait;
      signal.throwIfAborted();
      await tellRows(this.#look, {
        location,
        file,
        seen: entry.seen,
        size: Number(stats.size),
        from: entry,
        hash: undefined,
        operation: "create",
        isTold: true,
        isWhole: () => Promise.resolve(true),
      });
      return 0;
    } finally {
      await file.close();
    }
  }

  async #read(
    location: string,
    file: FileHandle,
    stats: BigIntStats,
    entry: Entry | undefined,
  ): Promise<void> {
    await tellRows(this.#look, {
      location,
      file,
      seen: signatureOf(stats),
      size: Number(stats.size),
      from: entry ?? START,
      hash: undefined,
      operation: "create",
      isTold: this.#look.isTold(location),
      isWhole: () => Promise.resolve(false),
    });
  }
}

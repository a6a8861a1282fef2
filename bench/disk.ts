import { rm } from "node:fs/promises";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { figure, type Figure } from "./figure.ts";
import { makeFolder } from "./scenario.ts";

/** How long an fdatasync takes after a small append, in milliseconds: what the disk under the figures can do. */
export async function measureDisk(): Promise<Figure> {
  const folder = await makeFolder();
  const disk = new Disk(join(folder, "appended"));
  const times = Array.from({ length: 1_000 }, () => disk.append());
  disk.close();
  await rm(folder, { recursive: true });
  return figure(times);
}

/** A file that small records are appended to, each brought to the disk. */
export class Disk {
  readonly #fd: number;
  readonly #record: Buffer = Buffer.alloc(200, "x");

  constructor(file: string) {
    this.#fd = openSync(file, "a");
  }

  /** Answers how long it took, in milliseconds. */
  append(): number {
    const start = performance.now();
    writeSync(this.#fd, this.#record);
    fdatasyncSync(this.#fd);
    return performance.now() - start;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

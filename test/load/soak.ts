import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "vitest";
import { loadFolder } from "./pipeline.ts";

export interface SoakOptions {
  readonly folder: string;
  readonly seconds: number;
  /** Events a second, each for two processes. */
  readonly rate: number;
  /** How long finished runs are kept, in milliseconds. */
  readonly keep: number;
}

/** Sizes in MB. */
export interface SoakSample {
  readonly emitted: number;
  /** Runs that are not over: a machine that is busy with other things lets them pile up. */
  readonly open: number;
  /** Runs that are over, and that the journal still holds. */
  readonly kept: number;
  readonly heap: number;
  readonly rss: number;
  readonly descriptors: number;
  readonly disk: number;
}

const HOST = new URL("./soak-host.ts", import.meta.url).pathname;

/** What a sample says, at its highest, of the second quarter and of the last one. */
export type Growth = { readonly [Key in keyof SoakSample]: readonly [before: number, after: number] };

/** Loads a pipeline steadily, in a process of its own; compares what it holds early and late. */
export async function soak(options: Omit<SoakOptions, "folder">): Promise<Growth> {
  await using folder = await loadFolder();
  const argument = JSON.stringify({ ...options, folder: folder.path });
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", HOST, argument]);
  const samples = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SoakSample);
  expect(samples.length, "it kept up").toBeGreaterThan(options.seconds * 0.6);
  const quarter = Math.floor(samples.length / 4);
  const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(-quarter)];
  const highest = (key: keyof SoakSample) =>
    [early, late].map((some) => Math.max(...some.map((sample) => sample[key]))) as [number, number];
  return {
    emitted: highest("emitted"),
    open: highest("open"),
    kept: highest("kept"),
    heap: highest("heap"),
    rss: highest("rss"),
    descriptors: highest("descriptors"),
    disk: highest("disk"),
  };
}

/** What grows with the age of a pipeline would show here: nothing may. */
export function expectFlat(growth: Growth, { rate, keep }: Omit<SoakOptions, "folder">): void {
  const { heap, rss, descriptors, disk, kept } = growth;
  expect(heap[1], "heap").toBeLessThan(heap[0] * 1.2 + 5);
  expect(rss[1], "resident memory").toBeLessThan(rss[0] * 1.25 + 10);
  expect(descriptors[1], "descriptors").toBeLessThanOrEqual(descriptors[0]);
  expect(disk[1], "disk").toBeLessThan(disk[0] * 1.25 + 5);
  // Two runs an event; a retention of some seconds cannot be held to the second, least of all on a busy machine.
  expect(kept[1], "retention").toBeLessThan(2 * rate * ((1.5 * keep) / 1_000 + 4));
}

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Sample, SampleOptions } from "./sample.ts";

export interface Scenario extends Omit<SampleOptions, "subject"> {
  readonly name: string;
  readonly title: string;
  /** The part of the bare loop's rate that is aimed at. */
  readonly target: number;
}

/** A figure over the rounds. */
export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Summary {
  readonly rate: Figure;
  readonly cpu: Figure;
  readonly loopDelay: Figure;
  readonly memory: Figure;
  readonly lost: number;
  readonly doubled: number;
}

export interface Result {
  readonly scenario: Scenario;
  readonly floor: Summary;
  readonly sluice: Summary;
  /** The ratio of each round, whose two samples were taken one after the other; `null` if the figures are void. */
  readonly ratio: Figure | null;
}

const SUBJECTS = ["floor", "sluice"] as const;
const runFile = promisify(execFile);

/** Takes the samples of each round in turns, first one and then the other first, each in a process of its own. */
export async function measure(
  scenario: Scenario,
  rounds: number,
  report: (text: string) => void,
): Promise<Result> {
  const samples: Record<(typeof SUBJECTS)[number], Sample[]> = { floor: [], sluice: [] };
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? SUBJECTS : SUBJECTS.toReversed()) {
      const sample = await take({ ...scenario, subject });
      samples[subject].push(sample);
      report(`${scenario.name} round ${round + 1}/${rounds} ${subject}: ${Math.round(sample.rate)} events/s`);
    }
  }
  const floor = summarise(samples.floor);
  const sluice = summarise(samples.sluice);
  const isVoid = [floor, sluice].some(({ lost, doubled }) => lost + doubled > 0);
  const ratios = samples.sluice.map(({ rate }, round) => rate / (samples.floor[round] as Sample).rate);
  return { scenario, floor, sluice, ratio: isVoid ? null : figure(ratios) };
}

/** @throws RangeError without values */
export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 1 ? upper : sorted[middle - 1];
  if (upper === undefined || lower === undefined) throw new RangeError("no values, no figure");
  return { median: (lower + upper) / 2, least: sorted[0] as number, most: sorted.at(-1) as number };
}

async function take(options: SampleOptions): Promise<Sample> {
  const file = join(import.meta.dirname, "sample.ts");
  const { stdout } = await runFile(process.execPath, [file, JSON.stringify(options)]);
  return JSON.parse(stdout) as Sample;
}

function summarise(samples: readonly Sample[]): Summary {
  return {
    rate: figure(samples.map(({ rate }) => rate)),
    cpu: figure(samples.map(({ cpu }) => cpu)),
    loopDelay: figure(samples.map(({ loopDelay }) => loopDelay)),
    memory: figure(samples.map(({ memory }) => memory)),
    lost: samples.reduce((sum, { lost }) => sum + lost, 0),
    doubled: samples.reduce((sum, { doubled }) => sum + doubled, 0),
  };
}

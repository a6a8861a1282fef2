import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { figure, type Figure } from "./figure.ts";

/** One thing to be measured, and what a round of measuring it is. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Makes, once, what the samples start from: a full journal, for example. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** What each round takes, one after the other, by name; each in a process of its own. */
  readonly samples: Readonly<Record<string, Sampling>>;
  readonly measures: readonly Measure[];
}

export type Sampling = (folder: string) => SampleRequest | Sample | Promise<SampleRequest | Sample>;

/** A program that prints an object of numbers as JSON, and the options it is given as JSON. */
export interface SampleRequest {
  readonly program: string;
  readonly options: object;
}

/** What a sample measured. `lost` and `doubled`, if any, make all figures of its scenario void. */
export type Sample = Readonly<Record<string, number>>;

/** A figure of the table: of each round one value, made of what its samples measured. */
export interface Measure {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  readonly of: (value: (sample: string, name: string) => number) => number;
  readonly aim?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Measured {
  readonly label: string;
  readonly unit: string;
  readonly digits: number;
  readonly aim: string;
  readonly figure: Figure;
  /** Whether the median reaches the aim; `null` without one. */
  readonly met: boolean | null;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly lost: number;
  readonly doubled: number;
  /** `null` if they are void: events were lost or doubled. */
  readonly measures: readonly Measured[] | null;
}

/** What was sampled, by name. */
export type Round = ReadonlyMap<string, Sample>;

const runFile = promisify(execFile);

/** Measures each scenario and makes its figures. */
export async function measureAll(
  scenarios: readonly Scenario[],
  rounds: number,
  report: (text: string) => void,
): Promise<readonly Result[]> {
  const taken = await takeRounds(scenarios, rounds, (round, scenario, samples) => {
    report(`round ${round} of ${rounds}, ${scenario.name}: ${inShort(scenario, samples)}`);
  });
  return [...taken].map(([scenario, samples]) => summarise(scenario, samples));
}

/**
 * Takes the samples of each round in turns, in one order and then in the other. The rounds go over all scenarios, so
 * that a busy minute of the machine does not fall on one of them. What two scenarios ask for alike is sampled once a
 * round.
 */
export async function takeRounds<Sampled extends Pick<Scenario, "samples" | "prepare">>(
  scenarios: readonly Sampled[],
  rounds: number,
  report: (round: number, scenario: Sampled, samples: readonly Round[]) => void,
): Promise<ReadonlyMap<Sampled, readonly Round[]>> {
  const folder = await makeFolder();
  try {
    for (const scenario of scenarios) await scenario.prepare?.(folder);
    const taken = new Map<Sampled, Round[]>(scenarios.map((scenario) => [scenario, []]));
    for (let round = 0; round < rounds; round++) {
      const known = new Map<string, Sample>();
      for (const [scenario, samples] of taken) {
        samples.push(await takeRound(scenario, round, folder, known));
        report(round + 1, scenario, samples);
      }
    }
    return taken;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program and reads what it measured. */
export async function sample({ program, options }: SampleRequest): Promise<Sample> {
  const file = join(import.meta.dirname, program);
  const { stdout } = await runFile(process.execPath, [file, JSON.stringify(options)], {
    maxBuffer: 64 * 1_024 * 1_024,
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  return JSON.parse(last) as Sample;
}

/** On the disk to be measured. */
export async function makeFolder(): Promise<string> {
  return mkdtemp(join(process.env["BENCH_DIR"] ?? tmpdir(), "sluice-bench-"));
}

async function takeRound(
  { samples }: Pick<Scenario, "samples">,
  round: number,
  folder: string,
  known: Map<string, Sample>,
): Promise<Round> {
  const entries = Object.entries(samples);
  const taken = new Map<string, Sample>();
  for (const [name, sampling] of round % 2 === 0 ? entries : entries.toReversed()) {
    const request = await sampling(folder);
    const key = JSON.stringify(request);
    const found = known.get(key) ?? (isRequest(request) ? await sample(request) : request);
    known.set(key, found);
    taken.set(name, found);
  }
  return taken;
}

function isRequest(given: SampleRequest | Sample): given is SampleRequest {
  return typeof given["program"] === "string";
}

function summarise({ name, title, measures }: Scenario, rounds: readonly Round[]): Result {
  const lost = sum(rounds, "lost");
  const doubled = sum(rounds, "doubled");
  const isVoid = lost + doubled > 0;
  return { name, title, lost, doubled, measures: isVoid ? null : measures.map((it) => judge(it, rounds)) };
}

function judge(measure: Measure, rounds: readonly Round[]): Measured {
  const { label, unit, digits, aim } = measure;
  const made = figure(rounds.map((round) => valueOf(measure, round)));
  if (aim === undefined) return { label, unit, digits, aim: "", figure: made, met: null };
  const [text, met] =
    "atLeast" in aim
      ? [`≥ ${aim.atLeast}`, made.median >= aim.atLeast]
      : [`≤ ${aim.atMost}`, made.median <= aim.atMost];
  return { label, unit, digits, aim: text, figure: made, met };
}

function valueOf({ of }: Measure, round: Round): number {
  return of((sample, name) => {
    const value = round.get(sample)?.[name];
    if (value === undefined) throw new Error(`no sample "${sample}" measured "${name}"`);
    return value;
  });
}

function inShort({ measures: [first] }: Scenario, rounds: readonly Round[]): string {
  const last = rounds.at(-1);
  if (first === undefined || last === undefined) return "";
  return `${first.label} ${valueOf(first, last).toFixed(first.digits)} ${first.unit}`;
}

function sum(rounds: readonly Round[], name: "lost" | "doubled"): number {
  let total = 0;
  for (const round of rounds) for (const taken of round.values()) total += taken[name] ?? 0;
  return total;
}

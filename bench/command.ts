// What `npm run bench` and `npm run bench:peers` have in common: their arguments, and what they print.
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { measureDisk } from "./disk.ts";
import { measureAll, type Scenario } from "./scenario.ts";
import { describeMachine, printResults } from "./table.ts";

export interface Arguments {
  readonly chosen: readonly Scenario[];
  readonly rounds: number;
  readonly json: boolean;
}

/** Ends the process if the arguments make no sense. */
export function readArguments(usage: string, scenarios: readonly Scenario[]): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "3" } },
  });
  const wanted = positionals.map((name) => name.toUpperCase());
  const chosen = scenarios.filter(
    ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
  );
  const unknown = wanted.some((start) => !scenarios.some(({ name }) => name.startsWith(start)));
  const rounds = Number(values.rounds);
  if (unknown || !Number.isSafeInteger(rounds) || rounds < 1) {
    const names = scenarios.map(({ name }) => name).join(" | ");
    console.error(`usage: ${usage} -- [${names}]… [--rounds N] [--json]`);
    process.exit(2);
  }
  return { chosen, rounds, json: values.json };
}

/** Measures and prints. A void figure fails the command; one that misses its aim does not. */
export async function measureAndPrint({ chosen, rounds, json }: Arguments): Promise<void> {
  const disk = await measureDisk();
  const results = await measureAll(chosen, rounds, (text) => console.error(text));
  const machine = describeMachine(process.env["BENCH_DIR"] ?? tmpdir(), disk);
  if (json) console.log(JSON.stringify({ machine, rounds, results }));
  else printResults(machine, rounds, results);
  if (results.some(({ measures }) => measures === null)) process.exitCode = 1;
}

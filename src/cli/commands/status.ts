import type { Command } from "commander";
import type { InputRow, ProcessRow } from "../../engine/rows.ts";
import type { ErrorRecord } from "../../model/errors.ts";
import { lagText } from "../lag.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { colours, paintState, print, printJson, stateCell, table, type Cell } from "../output.ts";
import { harmless, harmlessLines, plural } from "../text.ts";
import { localTime } from "../time.ts";

interface Options extends Target {
  readonly json?: boolean;
}

interface PipelineStatus {
  readonly name: string;
  readonly state: string;
  readonly journal: { readonly healthy: boolean };
  readonly openRuns: number;
}

interface List<Row> {
  readonly items: readonly Row[];
}

export function configure(command: Command): void {
  withTarget(command)
    .option("--json", 'print {"pipeline":{…},"inputs":[…],"processes":[…]}')
    .addHelpText("after", "\nExample:\n  $ sluice status --config orders.toml\n")
    .action((options: Options) =>
      withClient(options, async (client) => {
        const pipeline = await client.get<PipelineStatus>("pipeline");
        const { items: inputs } = await client.get<List<InputRow>>("inputs");
        const { items: processes } = await client.get<List<ProcessRow>>("processes");
        if (options.json === true) return printJson({ pipeline, inputs, processes });
        const { name, state, openRuns, journal } = pipeline;
        const health = journal.healthy ? "" : colours.red(", the journal cannot be written");
        print(
          `${colours.bold(harmless(name))} is ${paintState(state)}, ${plural(openRuns, "run")} open${health}`,
        );
        print(colours.dim(harmless(client.where)));
        print(
          `\n${table(["INPUT", "TYPE", "STATE", "RESTARTS", "LAST EVENT", "BEHIND", "LAST ERROR"], inputs.map(inputCells))}`,
        );
        print(`\n${table(PROCESS_HEAD, processes.map(processCells))}`);
        for (const line of longErrors([...inputs, ...processes])) print(line);
      }),
    );
}

const COUNTED = ["queued", "waiting", "retrying", "succeeded", "dead", "cancelled"] as const;
const PROCESS_HEAD = [
  "PROCESS",
  "TYPE",
  "STATE",
  "RUNNING",
  ...COUNTED.map((state) => state.toUpperCase()),
  "LAST ERROR",
];

function inputCells({
  name,
  type,
  state,
  restarts,
  lastEventAt,
  lastError,
  silent,
  lag,
}: InputRow): readonly Cell[] {
  return [
    name,
    type,
    stateCell(state),
    restarts,
    `${localTime(lastEventAt)}${silent ? " (silent)" : ""}`,
    lagText(lag, new Date().toISOString()),
    errorCell(lastError),
  ];
}

function processCells({ name, type, state, running, runs, lastError }: ProcessRow): readonly Cell[] {
  const counts = COUNTED.map((counted) => runs[counted] ?? 0);
  return [name, type, stateCell(state), running, ...counts, errorCell(lastError)];
}

/** Errors end in their cure: what a row has no room for is told whole, below. */
const ROOM = 80;

function errorCell(error: ErrorRecord | null): Cell {
  if (error === null) return "";
  const text = textOf(error);
  return text.length <= ROOM ? text : `${error.code} (below)`;
}

function longErrors(rows: readonly Pick<InputRow, "name" | "lastError">[]): readonly string[] {
  return rows.flatMap(({ name, lastError }) => {
    if (lastError === null || textOf(lastError).length <= ROOM) return [];
    return [`\n${colours.bold(harmless(name))}: ${harmlessLines(textOf(lastError)).join("\n  ")}`];
  });
}

function textOf({ code, message }: ErrorRecord): string {
  return `${code} ${message}`;
}

import type { Command } from "commander";
import type { EventTaken, RunChange, Sampled, StreamMessages } from "../../http/stream/messages.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Client } from "../client.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { colours, hint, paintState, print, printJson } from "../output.ts";
import type { ServerEvent } from "../../client/server-events.ts";
import { clip, harmless } from "../text.ts";
import { clockTime } from "../time.ts";

interface Options extends Target {
  readonly process?: string;
  readonly input?: string;
  readonly json?: boolean;
}

const HELP = `
Examples:
  $ sluice tail
  $ sluice tail --process enrich --json | jq 'select(.state == "dead")'

Shows what happens from now on, until Ctrl-C. Of more than some 80 changes a second a sample is shown: those that
failed first, and how many were left out.
`;

/** How often a lost connection is tried anew, a second apart. */
const TRIES = 10;

export function configure(command: Command): void {
  withTarget(command)
    .option("--process <name>", "only runs of this process")
    .option("--input <name>", "only events of this input, or process that emitted")
    .option("--json", "print one JSON object a line")
    .addHelpText("after", HELP)
    .action((options: Options) => withClient(options, (client) => tail(client, options)));
}

async function tail(client: Client, options: Options): Promise<void> {
  let lastId: string | undefined;
  let isStopping = false;
  let tries = 0;
  while (!isStopping) {
    try {
      for await (const message of client.events("stream", lastId)) {
        if (tries > 0) hint("connected again");
        tries = 0;
        lastId = message.id;
        isStopping ||= show(message, options) === "stopping";
      }
    } catch (error) {
      if (tries === 0 || tries >= TRIES) throw error;
    }
    if (isStopping) return;
    tries += 1;
    if (tries > TRIES) throw new SluiceError("NOTHING_TO_TALK_TO", `${client.where} answers no more`);
    hint("the connection was lost; trying again");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function show({ event, data }: ServerEvent, options: Options): "stopping" | undefined {
  const value: unknown = JSON.parse(data);
  switch (event) {
    case "events":
      showEvents(value as StreamMessages["events"], options);
      return undefined;
    case "runs":
      showRuns(value as StreamMessages["runs"], options);
      return undefined;
    case "input": {
      if (options.process !== undefined) return undefined;
      const { name, state, error } = value as StreamMessages["input"];
      const why = error === null ? "" : `  ${error.code} ${error.message}`;
      line(options, { type: "input", ...(value as object) }, `input  ${name} is ${state}${why}`);
      return undefined;
    }
    case "problem": {
      const { code, message } = value as StreamMessages["problem"];
      line(options, { type: "problem", ...(value as object) }, `error  ${code} ${message}`);
      return undefined;
    }
    case "pipeline": {
      const { state } = value as StreamMessages["pipeline"];
      line(options, { type: "pipeline", state }, `pipeline is ${state}`);
      return state === "stopping" || state === "stopped" ? "stopping" : undefined;
    }
    default:
      return undefined;
  }
}

function showEvents({ items, skipped }: Sampled<EventTaken>, options: Options): void {
  if (options.process !== undefined) return;
  for (const item of items) {
    if (options.input !== undefined && item.trigger !== options.input) continue;
    const { uid, trigger, operation, location, id, processes, duplicate } = item;
    const to = duplicate ? "a duplicate" : processes.length === 0 ? "nowhere" : processes.join(", ");
    line(
      options,
      { type: "event", ...item },
      `event  ${uid}  ${trigger}  ${operation} ${clip(`${location}/${id}`, 40)} → ${to}`,
    );
  }
  left(options, skipped, "events");
}

function showRuns({ items, skipped }: Sampled<RunChange>, options: Options): void {
  if (options.input !== undefined) return;
  for (const item of items) {
    if (options.process !== undefined && item.process !== options.process) continue;
    const { id, state, attempt, duration, error } = item;
    const more = [
      attempt > 1 ? `attempt ${attempt}` : "",
      duration === null ? "" : `${duration} ms`,
      error === null ? "" : clip(`${error.code} ${error.message}`, 100),
    ].filter((part) => part !== "");
    const text = harmless(`run    ${id}  \u0000  ${more.join("  ")}`).replace("\\u0000", paintState(state));
    if (options.json === true) printJson({ type: "run", ...item });
    else print(`${colours.dim(clockTime(new Date(item.time)))} ${text.trimEnd()}`);
  }
  left(options, skipped, "changes of runs");
}

function left(options: Options, skipped: number, what: string): void {
  if (skipped > 0) line(options, { type: "skipped", what, count: skipped }, `… ${skipped} more ${what}`);
}

function line({ json }: Options, value: object, text: string): void {
  if (json === true) printJson(value);
  else print(`${colours.dim(clockTime(new Date()))} ${harmless(text)}`);
}

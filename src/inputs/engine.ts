import { z } from "zod";
import { sleep } from "../model/clock.ts";
import type { Input, InputContext } from "../model/component.ts";
import { parseDuration, type Duration } from "../model/duration.ts";
import type { EngineView, ViewedProcess } from "../model/engine-view.ts";
import { isSluiceError, SluiceError, toErrorRecord, type ErrorRecord } from "../model/errors.ts";
import { defineInput, type InputKind } from "../model/kind.ts";
import { durationOption } from "../options/amounts.ts";
import {
  ENGINE_EVENTS,
  look,
  nothingTold,
  type EngineEvent,
  type EngineEventData,
  type Seen,
  type Told,
} from "./engine/look.ts";

export type { EngineEvent, EngineEventData } from "./engine/look.ts";

/** Options of the `engine` input. */
export interface EngineInputOptions {
  /** What is told. Defaults to everything. */
  readonly events?: readonly EngineEvent[] | undefined;
  /** Only these processes are looked at. Defaults to all, but for those that its own events reach. */
  readonly processes?: readonly string[] | undefined;
  /** Only these inputs are looked at. Defaults to all others. */
  readonly inputs?: readonly string[] | undefined;
  /** So many waiting runs of a process are a backlog. Defaults to none. */
  readonly backlog?: number | undefined;
  /** Time between two looks: what happens in it is told together. Defaults to 10s. */
  readonly every?: Duration | undefined;
}

interface Options {
  readonly events: readonly EngineEvent[];
  readonly processes?: readonly string[] | undefined;
  readonly inputs?: readonly string[] | undefined;
  readonly backlog?: number | undefined;
  readonly every: Duration;
}

const SHORTEST_INTERVAL = 1_000;

const options: z.ZodType<Options, EngineInputOptions> = z.strictObject({
  events: z
    .array(z.enum(ENGINE_EVENTS))
    .min(1)
    .default([...ENGINE_EVENTS])
    .describe("What is told. Defaults to everything."),
  processes: z
    .array(z.string())
    .min(1)
    .optional()
    .describe(
      "Only these processes are looked at. Defaults to all, but for those that its own events reach.",
    ),
  inputs: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("Only these inputs are looked at. Defaults to all others."),
  backlog: z
    .int()
    .min(1)
    .optional()
    .describe("So many waiting runs of a process are a backlog. Defaults to none."),
  every: durationOption
    .refine((text) => parseDuration(text) >= SHORTEST_INTERVAL, "must be 1s at least")
    .default("10s")
    .describe("Time between two looks: what happens in it is told together. Defaults to 10s."),
});

/**
 * Emits what happens to the engine itself: runs that died, inputs that failed, fell silent or recovered, a backlog, a
 * paused process, trouble with the journal. What died is grouped by its error, as dead letters are. What was told is
 * kept in the same commit as the events, so that what died just before a crash is told after it, once. What the events
 * of any `engine` input reach is never told of: an alert that cannot be sent would tell of itself for ever.
 */
export const engineInput: InputKind<EngineInputOptions, Options, EngineEventData> = defineInput({
  type: "engine",
  summary: "Emits what happens to the engine itself: runs that died, inputs that failed, backlogs.",
  options,
  create: createEngineInput,
});

type Context = InputContext<EngineEventData> & { readonly engine: EngineView };

const STATE = "told";
const JOURNAL_TROUBLE: ReadonlySet<string> = new Set(["JOURNAL_IO", "JOURNAL_FULL", "JOURNAL_BACKLOG"]);
/** What died so shortly before the first look ever is news, too: inputs start beside this one. Milliseconds. */
const RECENT = 60_000;
/** Looks after which dead runs are grouped anew, though none of the counts has changed. */
const THOROUGH = 6;

function createEngineInput(name: string, given: Options): Input<EngineEventData> {
  const interval = parseDuration(given.every);
  const kinds = new Set<string>(given.events);
  /** Why the journal could not be written, until that is told: it outlasts a restart of this input. */
  let trouble: ErrorRecord | undefined;

  async function handle(context: InputContext<EngineEventData>): Promise<void> {
    const { engine, clock, signal, state } = context;
    if (engine === undefined) {
      throw new SluiceError(
        "INVALID_OPTIONS",
        `input "${name}" is given no view of the engine: it needs one`,
      );
    }
    if (signal.aborted) return;
    const watch = new Watch(engine, given, name);
    let told = (await state.get(STATE))?.value as Told | undefined;
    if (told === undefined) {
      told = nothingTold(clock.now() - RECENT);
      await state.put(STATE, told);
    }
    while (!signal.aborted) {
      told = await lookOnce({ ...context, engine }, watch, told);
      await sleep(clock, interval, signal);
    }
  }

  /** Answers what has been told now. */
  async function lookOnce(context: Context, watch: Watch, told: Told): Promise<Told> {
    const { pipeline, clock, engine, signal, emitAll } = context;
    const health = engine.health();
    if (!health.ok) trouble = toErrorRecord(health.error);
    // While it lasts nothing can be told.
    const over = health.ok ? trouble : undefined;
    const after = look(
      told,
      { pipeline, now: clock.now(), trouble: over, ...(await watch.see()) },
      given.backlog,
    );
    const events = after.events.filter(({ location = "" }) => kinds.has(location));
    if (signal.aborted) return told;
    if (events.length === 0 && JSON.stringify(after.told) === JSON.stringify(told)) return told;
    try {
      await emitAll(events, { state: { [STATE]: after.told } });
    } catch (error) {
      if (isSluiceError(error) && JOURNAL_TROUBLE.has(error.code)) trouble ??= toErrorRecord(error);
      throw error;
    }
    if (over !== undefined) trouble = undefined;
    return after.told;
  }

  return { name, type: "engine", handle };
}

/** Looks at the pipeline, without what the events of `engine` inputs reach. */
class Watch {
  readonly #engine: EngineView;
  readonly #given: Options;
  readonly #name: string;
  /** How many runs of each process were dead at the last look. */
  #counted = "";
  #looks = 0;

  constructor(engine: EngineView, given: Options, name: string) {
    this.#engine = engine;
    this.#given = given;
    this.#name = name;
  }

  async see(): Promise<Pick<Seen, "inputs" | "processes" | "deaths">> {
    const { inputs, processes } = this.#given;
    const reached = reachedByAlerts(this.#engine.graph());
    const isWatched = (process: string): boolean =>
      !reached.has(process) && (processes?.includes(process) ?? true);
    const rows = (await this.#engine.processes()).filter((row) => isWatched(row.name));
    const deaths = this.#haveDeathsChanged(rows) ? await this.#engine.deadLetters() : undefined;
    return {
      inputs: this.#engine
        .inputs()
        .filter((row) => row.name !== this.#name && (inputs?.includes(row.name) ?? true)),
      processes: rows,
      deaths: deaths?.filter(({ process }) => isWatched(process)),
    };
  }

  /** To group dead runs costs as much as there are: the counts say whether it is worth it. */
  #haveDeathsChanged(rows: readonly ViewedProcess[]): boolean {
    const counted = JSON.stringify(rows.map(({ name, runs }) => [name, runs.dead ?? 0]));
    const isThorough = this.#looks++ % THOROUGH === 0;
    if (counted === this.#counted && !isThorough) return false;
    this.#counted = counted;
    return true;
  }
}

/** What events of `engine` inputs lead to, through datasets too. */
function reachedByAlerts({ nodes, edges }: ReturnType<EngineView["graph"]>): ReadonlySet<string> {
  const reached = new Set(
    nodes.filter(({ role, type }) => role === "input" && type === "engine").map(({ name }) => name),
  );
  // A set goes on over what is added to it meanwhile.
  for (const from of reached) for (const edge of edges) if (edge.from === from) reached.add(edge.to);
  return reached;
}

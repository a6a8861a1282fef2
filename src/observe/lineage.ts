import {
  attemptEnded,
  attemptStarted,
  runDied,
  type AttemptEnded,
  type AttemptMessage,
  type AttemptStarted,
  type RunDied,
} from "../engine/diagnostics.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { systemClock } from "../engine/system.ts";
import type { Clock } from "../model/clock.ts";
import { SluiceError, type ErrorRecord } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import { nameDataset, type LineageDataset } from "./lineage/dataset-names.ts";
import { Outbox, type Transport } from "./lineage/outbox.ts";
import { toRunEvent, type Transition } from "./lineage/run-event.ts";
import { fileTransport, httpTransport } from "./lineage/transports.ts";

export interface LineageOptions {
  /** Of a receiver such as Marquez; without a path, `/api/v1/lineage` is added. Either this or `file`. */
  readonly url?: string;
  /** Events are appended to it, one JSON object a line. Either this or `url`. */
  readonly file?: string;
  /** Of the jobs, and of datasets that do not say where they are. Defaults to `sluice`. */
  readonly namespace?: string;
  /** Sent as a bearer token. Defaults to none. */
  readonly apiKey?: string;
  /** Whether private addresses may be called, or the ranges (CIDR) that may. Defaults to `false`. */
  readonly allowPrivate?: boolean | readonly string[];
  /** Runs of each process that are told of in a minute, at most; as many more if they fail. Defaults to 60. */
  readonly maxRuns?: number;
  readonly clock?: Clock;
  /** Told when events cannot be sent. Defaults to warnings of Node. */
  readonly logger?: Logger;
}

export interface Lineage extends AsyncDisposable {
  /** Listens no more, and sends what waits, for a few seconds at most. */
  close(): Promise<void>;
}

const MINUTE = 60_000;
/** Runs whose START was told, and whose end is awaited, at most. */
const OPEN = 10_000;

/**
 * Tells a receiver of lineage which process read and wrote which datasets, as OpenLineage has it
 * (https://openlineage.io/docs/spec/object-model): a job is a process, a run is a run, with START at its first attempt
 * that is told of and COMPLETE, FAIL or ABORT once it is over. Of many runs a few are told of; what is begun is ended.
 *
 * @throws SluiceError INVALID_OPTIONS, PRIVATE_ADDRESS
 */
export function exportLineage(
  orchestrator: Pick<Orchestrator, "name" | "graph">,
  options: LineageOptions,
): Lineage {
  const { clock = systemClock, logger = warnings } = options;
  const outbox = new Outbox(transportOf(options, clock), clock, logger);
  const listener = new LineageListener(orchestrator, options, clock, outbox);
  const { onStarted, onEnded, onDied } = listener;
  attemptStarted.subscribe(onStarted);
  attemptEnded.subscribe(onEnded);
  runDied.subscribe(onDied);
  const close = async (): Promise<void> => {
    attemptStarted.unsubscribe(onStarted);
    attemptEnded.unsubscribe(onEnded);
    runDied.unsubscribe(onDied);
    await outbox.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}

function transportOf({ url, file, apiKey, allowPrivate }: LineageOptions, clock: Clock): Transport {
  if ((url === undefined) === (file === undefined)) {
    throw new SluiceError("INVALID_OPTIONS", "lineage needs either a url or a file to send its events to");
  }
  return url === undefined
    ? fileTransport(file as string)
    : httpTransport({ url, apiKey, allowPrivate }, clock);
}

/** How many runs of a process were told of in this minute. */
interface Budget {
  since: number;
  runs: number;
  failures: number;
}

class LineageListener {
  readonly #orchestrator: Pick<Orchestrator, "name" | "graph">;
  readonly #namespace: string;
  readonly #maxRuns: number;
  readonly #clock: Clock;
  readonly #outbox: Outbox;
  readonly #open = new Set<string>();
  readonly #budgets = new Map<string, Budget>();

  constructor(
    orchestrator: Pick<Orchestrator, "name" | "graph">,
    { namespace = "sluice", maxRuns = 60 }: LineageOptions,
    clock: Clock,
    outbox: Outbox,
  ) {
    this.#orchestrator = orchestrator;
    this.#namespace = namespace;
    this.#maxRuns = maxRuns;
    this.#clock = clock;
    this.#outbox = outbox;
  }

  readonly onStarted = (message: unknown): void => {
    const started = message as AttemptStarted;
    if (started.pipeline !== this.#orchestrator.name || this.#open.has(started.run)) return;
    if (!this.#spend(started.process, "runs")) return;
    this.#begin(started);
  };

  readonly onEnded = (message: unknown): void => {
    const ended = message as AttemptEnded;
    if (ended.pipeline !== this.#orchestrator.name) return;
    const transition = transitionOf(ended);
    if (transition === undefined) return;
    if (!this.#open.delete(ended.run)) {
      if (transition !== "FAIL" || !this.#spend(ended.process, "failures")) return;
      this.#tell("START", ended, null);
    }
    this.#tell(transition, ended, transition === "FAIL" ? ended.error : null);
  };

  readonly onDied = (message: unknown): void => {
    const died = message as RunDied;
    if (died.pipeline !== this.#orchestrator.name || !this.#spend(died.process, "failures")) return;
    this.#tell("START", died, null);
    this.#tell("FAIL", died, died.error);
  };

  #begin(started: AttemptStarted): void {
    if (this.#open.size >= OPEN) this.#open.delete(this.#open.values().next().value as string);
    this.#open.add(started.run);
    this.#tell("START", started, null);
  }

  #spend(process: string, what: "runs" | "failures"): boolean {
    const now = this.#clock.monotonic();
    let budget = this.#budgets.get(process);
    if (budget === undefined || now - budget.since >= MINUTE) {
      budget = { since: now, runs: 0, failures: 0 };
      this.#budgets.set(process, budget);
    }
    if (budget[what] >= this.#maxRuns) return false;
    budget[what] += 1;
    return true;
  }

  #tell(
    transition: Transition,
    { process, run, event }: RunDied | AttemptMessage,
    error: ErrorRecord | null,
  ): void {
    const { nodes, edges } = this.#orchestrator.graph();
    const trigger = nodes.find(({ name, role }) => name === event.trigger && role !== "dataset");
    const readBy = (name: string): readonly string[] =>
      edges.filter(({ kind, to }) => kind === "reads" && to === name).map(({ from }) => from);
    const written = edges.filter(({ kind, from }) => kind === "writes" && from === process);
    const seen = trigger?.role === "input" ? placesOf(event, readBy(trigger.name)) : [];
    this.#outbox.add(
      toRunEvent({
        transition,
        time: this.#clock.now(),
        namespace: this.#namespace,
        pipeline: this.#orchestrator.name,
        process,
        run,
        event,
        isScheduled: trigger?.type === "cron",
        inputs: this.#named([...seen, ...readBy(process)]),
        outputs: this.#named(written.map(({ to }) => to)),
        error,
      }),
    );
  }

  #named(datasets: readonly string[]): LineageDataset[] {
    return [...new Set(datasets)].map((text) => nameDataset(text, this.#namespace));
  }
}

/** Of the datasets that an input reads, the one that the event names as its location, if it does; globs are filled in. */
function placesOf({ location }: EventRecord, datasets: readonly string[]): readonly string[] {
  const named = datasets.flatMap((text) => {
    const at = text.lastIndexOf("/") + 1;
    return matchesGlob(text.slice(at), location) ? [text.slice(0, at) + location] : [];
  });
  return named.length === 0 ? datasets : named;
}

function matchesGlob(glob: string, name: string): boolean {
  const [first = "", ...parts] = glob
    .split("*")
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return parts.length === 0 ? glob === name : new RegExp(`^${[first, ...parts].join(".*")}$`).test(name);
}

/** `undefined` while the run goes on. */
function transitionOf({ outcome, final }: AttemptEnded): Transition | undefined {
  if (outcome === "cancelled") return "ABORT";
  if (!final) return undefined;
  return outcome === "succeeded" ? "COMPLETE" : "FAIL";
}

const warn = (fields: object, message: string): void =>
  process.emitWarning(message, { type: "SluiceWarning", detail: JSON.stringify(fields) });
const warnings: Logger = { debug: () => undefined, info: () => undefined, warn, error: warn };

import { assemble } from "../config/assemble.ts";
import { Operator } from "../engine/operator.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { openRuns } from "../engine/process-rows.ts";
import { createSystemRandom, systemClock } from "../engine/system.ts";
import type { ApiPipeline } from "../http/pipeline.ts";
import type { Counters } from "../journal/history.ts";
import type { Journal } from "../journal/journal.ts";
import { journalFrom } from "../journal/open.ts";
import { openHistory } from "../journal/sqlite/open-history.ts";
import { SluiceError, toErrorRecord, type ErrorCode } from "../model/errors.ts";
import { silentLogger } from "../model/logger.ts";
import type { Place, PlacedComponent } from "./locate.ts";

/** Stands in for a pipeline that is not running: reads its journal, and opens it as its owner only to write. */
export interface StoppedPipeline extends ApiPipeline {
  close(): void;
}

/** @throws SluiceError JOURNAL_DAMAGED, JOURNAL_VERSION … */
export async function openStopped(
  path: string,
  { name = "", components, file }: Pick<Place, "name" | "components" | "file">,
): Promise<StoppedPipeline> {
  const journal = openHistory(path);
  const { history, paused } = journal;
  const counters = await history.counters();
  const open = Object.values(counters.runs).reduce((sum, runs) => sum + openRuns(runs), 0);
  const ordered = new Set(
    components.filter((component) => component.ordered).map((component) => component.name),
  );
  const stateOf = (component: string): "paused" | "stopped" => (paused.has(component) ? "paused" : "stopped");

  const operate = <T>(work: (operator: Operator, journal: Journal) => Promise<T>): Promise<T> =>
    withOwnJournal(path, (owned) =>
      work(
        new Operator({
          work: owned.work,
          history: owned.history,
          clock: systemClock,
          isOrdered: (process) => ordered.has(process),
        }),
        owned,
      ),
    );
  const switchTo = async (type: "pause" | "resume", component: string): Promise<void> => {
    await operate((_, owned) => owned.work.commit({ control: [{ type, name: component }] }));
  };

  return {
    name,
    state: "stopped",
    history,
    journal: {
      id: journal.id,
      epoch: null,
      capabilities: { durable: true, shared: false },
      health: () => ({ ok: true }),
      openRuns: () => open,
    },
    inputs: () =>
      namesOf(components, "input", inputsOf(counters)).map((component) => ({
        ...component,
        state: stateOf(component.name),
        restarts: 0,
        lastEventAt: null,
        lastError: null,
        silent: false,
        lag: null,
      })),
    processes: async () =>
      namesOf(components, "process", Object.keys(counters.runs)).map((component) => ({
        ...component,
        state: stateOf(component.name),
        concurrency: 0,
        running: 0,
        abandoned: 0,
        lastError: null,
        runs: counters.runs[component.name] ?? {},
      })),
    graph: refuse,
    emit: async () => refuse(),
    backfill: (input, request, observer) =>
      withOpened(path, file, (orchestrator) => orchestrator.backfill(input, request, observer)),
    audit: (input, request, observer) =>
      withOpened(path, file, (orchestrator) => orchestrator.audit(input, request, observer)),
    restart: async () => refuse(),
    pause: (component) => switchTo("pause", component),
    resume: (component) => switchTo("resume", component),
    cancel: (runs) => operate((operator) => operator.cancel(runs)),
    replay: (runs, options) => operate((operator) => operator.replay(runs, options?.data)),
    replayAll: (filter, options, observer) =>
      operate((operator) => operator.replayAll(filter, options, observer)),
    replayEvents: (request, observer) =>
      withOpened(path, file, (orchestrator) => orchestrator.replayEvents(request, observer)),
    forget: (key) => operate((operator) => operator.forget(key)),
    close: () => journal.close(),
  };
}

function refuse(): never {
  throw new SluiceError("NOT_RUNNING", 'the pipeline is stopped; start it with "sluice run"');
}

/**
 * Owns the journal, with the inputs and links of the config file over it, none of them started.
 *
 * @throws SluiceError NOT_RUNNING without a config file, JOURNAL_OWNED, and what is wrong with the file
 */
async function withOpened<T>(
  path: string,
  file: string | undefined,
  work: (orchestrator: Orchestrator) => Promise<T>,
): Promise<T> {
  if (file === undefined) {
    throw new SluiceError(
      "NOT_RUNNING",
      "the pipeline is stopped, and its config file is not known: name it by --config",
    );
  }
  const { load } = await import("./load.ts");
  const pipeline = await load(file);
  const orchestrator = assemble(pipeline, {
    create: (settings) =>
      new Orchestrator({ ...settings, journal: journalFrom(`sqlite:${path}`, settings.retention) }),
  });
  await orchestrator.open();
  try {
    return await work(orchestrator);
  } catch (error) {
    // The API in front of us has no config file, and so knows no secrets.
    const { code, message } = toErrorRecord(error);
    throw new SluiceError(code as ErrorCode, pipeline.redact(message), { cause: error });
  } finally {
    await orchestrator.stop();
  }
}

/** @throws SluiceError JOURNAL_OWNED if the pipeline has been started meanwhile */
async function withOwnJournal<T>(path: string, work: (journal: Journal) => Promise<T>): Promise<T> {
  const surroundings = { clock: systemClock, random: createSystemRandom(), logger: silentLogger };
  const journal = await journalFrom(`sqlite:${path}`).open(surroundings);
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

interface Named {
  readonly name: string;
  readonly type: string;
}

/** What the config file names, and else what the journal counts. */
function namesOf(
  components: readonly PlacedComponent[],
  role: PlacedComponent["role"],
  counted: readonly string[],
): readonly Named[] {
  if (components.length > 0) {
    return components
      .filter((component) => component.role === role)
      .map(({ name, type }) => ({ name, type }));
  }
  return counted.map((name) => ({ name, type: "unknown" }));
}

/** Processes emit, too. */
function inputsOf({ events, runs }: Counters): readonly string[] {
  return Object.keys(events).filter((name) => !Object.hasOwn(runs, name));
}

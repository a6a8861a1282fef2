import { constants } from "node:os";
import { assemble } from "../config/assemble.ts";
import { PipelineChanges } from "../config/changes.ts";
import type { Pipeline } from "../config/pipeline.ts";
import { Secrets } from "../config/references.ts";
import { Orchestrator } from "../engine/orchestrator.ts";
import { createApi } from "../http/api.ts";
import type { Listener } from "../http/listen.ts";
import { listenOnOwnerSocket } from "../http/owner-listener.ts";
import { findOwnerSocket } from "../http/owner-socket.ts";
import { serve, type Servers } from "../http/serve.ts";
import { journalFrom } from "../journal/open.ts";
import { isSluiceError, SluiceError, toErrorRecord } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { EXIT, type ExitCode } from "./command.ts";
import { reportFailure } from "./failure.ts";
import { load, registry, takeStored } from "./load.ts";
import { createLogger } from "./log.ts";
import { observe } from "./observe.ts";
import { printJson } from "./output.ts";

/** How long what did not let go of the process may hold it up after a stop. */
const LAST_MOMENT = 1_000;

export interface RunOptions {
  readonly json: boolean;
  /** Also stops at the end of standard input, which comes when the process that holds it is gone, however it ended. */
  readonly withParent: boolean;
}

/** Runs the pipeline of a file until a signal stops it, or it fails to start. */
export async function runPipeline(file: string, { json, withParent }: RunOptions): Promise<void> {
  const { pipeline, version } = await takeStored(await load(file));
  const secrets = new Secrets(pipeline.secrets);
  const logger = createLogger(secrets.redact);
  if (version !== null)
    logger.info({ version }, "the version that was applied last is taken, as managed_by says");
  const signalled = untilSignalled();
  if (withParent) stopWithParent();
  outliveRejections(logger);
  try {
    await loadModules(pipeline);
    await using running = await start(pipeline, secrets, logger);
    const { http, hooks } = running.servers;
    const apart = pipeline.hooks === null ? {} : { hooks };
    if (json) printJson({ ready: true, http, ...apart });
    logger.info({ http, ...apart, journal: pipeline.journal }, `${pipeline.name} is running`);
    const signal = await signalled;
    logger.info({ signal }, `${pipeline.name} is stopping`);
  } catch (error) {
    leave(reportFailure(error, secrets.redact));
    return;
  }
  logger.info({}, `${pipeline.name} is stopped`);
  leave(EXIT.done);
}

/**
 * Node loads a module once: one that cannot be loaded now cannot be later, so nothing is started over it.
 *
 * @throws SluiceError MODULE_NOT_FOUND, MISSING_DEPENDENCY
 */
async function loadModules({ inputs, processes, directory }: Pipeline): Promise<void> {
  for (const { role, name, made } of [...inputs, ...processes]) {
    try {
      await made?.kind.load?.();
      if (made?.kind.type === "function") await made.kind.check?.(made.options as never, { directory });
    } catch (error) {
      const { message } = toErrorRecord(error);
      const code = isSluiceError(error) ? error.code : "MODULE_NOT_FOUND";
      throw new SluiceError(code, `${role} "${name}": ${message}`, { cause: error });
    }
  }
}

interface Running extends AsyncDisposable {
  readonly servers: Servers;
}

/** Listens first: a port in use is told before anything has been done. */
async function start(pipeline: Pipeline, secrets: Secrets, logger: Logger): Promise<Running> {
  const { redact } = secrets;
  const orchestrator = assemble(pipeline, {
    create: ({ journal, retention, ...settings }) =>
      new Orchestrator({ ...settings, redact, journal: journalFrom(journal, retention), logger }),
  });
  const onError = (error: unknown): void => logger.error({ err: error }, "a request failed inside");
  const changes = new PipelineChanges(orchestrator, {
    registry,
    pipeline,
    secrets,
    onError: (error) => logger.error({ err: error }, "what an apply left to be done failed"),
  });
  const { http, hooks } = pipeline;
  const observers = await observe(orchestrator, pipeline, logger);
  const { metrics } = observers;
  const servers = await serve(orchestrator, {
    ...(http !== null && { http }),
    ...(metrics && { metrics }),
    ...(hooks !== null && { hooks }),
    changes,
    onError,
    redact,
  }).catch(async (error: unknown) => {
    throw (await runsAlready(pipeline)) ?? error;
  });
  const api = createApi(orchestrator, { owner: true, changes, onError, redact });
  let socket: Listener | undefined;
  const stop = async (): Promise<void> => {
    // First: who follows the stream is told that it stops, before the stream ends.
    const stopped = orchestrator.stop();
    api.close();
    await Promise.all([servers.close(), socket?.close(), stopped]);
    await observers.close();
  };
  try {
    await orchestrator.start();
    await changes.begin();
    socket = await openOwnerSocket(pipeline.journal, api.fetch, logger);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, [Symbol.asyncDispose]: stop };
}

/** A port in use is mostly that of the same pipeline, running already: then that is the news. */
async function runsAlready({ name, journal }: Pipeline): Promise<SluiceError | undefined> {
  const socket = journal.startsWith("sqlite:")
    ? await findOwnerSocket(journal.slice("sqlite:".length))
    : undefined;
  if (socket === undefined) return undefined;
  return new SluiceError(
    "JOURNAL_OWNED",
    `the journal of "${name}" is taken: a pipeline runs already, and answers at ${socket}; stop it, look at it by \`sluice status\`, or give this one a journal of its own`,
  );
}

/** Without it the pipeline still runs, but commands cannot find it: that is said, and no reason to stop. */
async function openOwnerSocket(
  journal: string,
  fetch: Parameters<typeof listenOnOwnerSocket>[0],
  logger: Logger,
): Promise<Listener | undefined> {
  if (!journal.startsWith("sqlite:")) return undefined;
  try {
    return await listenOnOwnerSocket(fetch, journal.slice("sqlite:".length));
  } catch (error) {
    logger.warn({ err: error }, "there is no owner's socket: commands can only use the API");
    return undefined;
  }
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Resolves with the first signal; the second one ends the process at once, with the exit code that a shell gives. */
function untilSignalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isSecond = false;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (isSecond) process.exit(128 + constants.signals[signal]);
        isSecond = true;
        resolve(signal);
      });
    }
  });
}

function stopWithParent(): void {
  process.stdin.once("end", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
  // To listen must not keep a stopped pipeline alive.
  process.stdin.unref();
}

/** A promise that a component forgot must not end the work of all the others. */
function outliveRejections(logger: Logger): void {
  process.on("unhandledRejection", (error) => {
    logger.error({ err: error }, "a promise was rejected that nobody waited for");
  });
}

/** Pools and timers of components must not keep a stopped pipeline alive. */
function leave(exitCode: ExitCode): void {
  process.exitCode = exitCode;
  setTimeout(() => process.exit(exitCode), LAST_MOMENT).unref();
}

// graphile-worker, with what its page on performance advises: a local queue, and completions in batches.
import { CONCURRENCY, jobOf, load, type CreatePeer, type Job } from "./peer.ts";

interface GraphileWorker {
  readonly Logger: new (create: () => () => void) => object;
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(task: string, payload: Job, options: object): Promise<unknown>;
    addJobs(jobs: readonly object[]): Promise<unknown>;
    release(): Promise<void>;
  }>;
  run(options: object): Promise<{ stop(): Promise<void> }>;
}

export const createPeer: CreatePeer = async (options) => {
  const graphile = await load<GraphileWorker>("graphile-worker");
  const logger = new graphile.Logger(() => () => undefined);
  const utils = await graphile.makeWorkerUtils({ connectionString: options.server, logger, maxPoolSize: 10 });
  const tasks = Array.from({ length: options.processes }, (_, process) => `process_${process}`);
  let runner: { stop(): Promise<void> } | undefined;
  return {
    async start() {
      await utils.migrate();
      runner = await graphile.run({
        preset: {
          worker: {
            connectionString: options.server,
            logger,
            concurrentJobs: CONCURRENCY * options.processes,
            maxPoolSize: 12,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
          },
        },
        taskList: Object.fromEntries(
          tasks.map((task, process) => [task, (job: Job) => options.work(process, job.id)]),
        ),
        noHandleSignals: true,
      });
    },
    emit(id) {
      const payload = jobOf(id, options);
      const [only] = tasks;
      if (tasks.length === 1 && only !== undefined) return utils.addJob(only, payload, { maxAttempts: 3 });
      return utils.addJobs(tasks.map((identifier) => ({ identifier, payload, maxAttempts: 3 })));
    },
    async stop() {
      await runner?.stop();
      await utils.release();
    },
  };
};

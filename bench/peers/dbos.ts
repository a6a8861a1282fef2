// DBOS: a workflow an event, a step a process, started directly: its queues are polled, which is slower.
import { jobOf, load, type CreatePeer, type Job } from "./peer.ts";

interface DbosModule {
  readonly DBOS: {
    setConfig(config: object): void;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
    registerWorkflow(
      workflow: (job: Job) => Promise<void>,
      options: { name: string },
    ): (job: Job) => Promise<void>;
    runStep(step: () => Promise<void>, options: { name: string }): Promise<void>;
    startWorkflow(workflow: (job: Job) => Promise<void>): (job: Job) => Promise<unknown>;
  };
}

export const createPeer: CreatePeer = async (options) => {
  const { DBOS } = await load<DbosModule>("@dbos-inc/dbos-sdk");
  const steps = Array.from({ length: options.processes }, (_, process) => process);
  const workflow = DBOS.registerWorkflow(
    async (job) => {
      await Promise.all(
        steps.map((process) =>
          DBOS.runStep(() => options.work(process, job.id), { name: `process_${process}` }),
        ),
      );
    },
    { name: "event" },
  );
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: options.server,
    systemDatabasePoolSize: 20,
    logLevel: "error",
  });
  return {
    start: () => DBOS.launch(),
    emit: (id) => DBOS.startWorkflow(workflow)(jobOf(id, options)),
    stop: () => DBOS.shutdown(),
  };
};

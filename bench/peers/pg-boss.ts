// pg-boss: woken by NOTIFY, in batches, which it fetches without a pause as long as they come full.
import { CONCURRENCY, jobOf, load, unique, type CreatePeer, type Job } from "./peer.ts";

interface PgBossModule {
  readonly PgBoss: new (options: object) => {
    on(event: "error", listener: () => void): void;
    start(): Promise<unknown>;
    createQueue(name: string, options: object): Promise<void>;
    subscribe(event: string, queue: string): Promise<void>;
    publish(event: string, data: Job): Promise<void>;
    send(queue: string, data: Job): Promise<unknown>;
    work(
      queue: string,
      options: object,
      handle: (jobs: readonly { readonly data: Job }[]) => Promise<void>,
    ): Promise<unknown>;
    stop(options: object): Promise<void>;
  };
}

export const createPeer: CreatePeer = async (options) => {
  const { PgBoss } = await load<PgBossModule>("pg-boss");
  const boss = new PgBoss({ connectionString: options.server, max: 20, useListenNotify: true });
  boss.on("error", () => undefined);
  const queues = Array.from({ length: options.processes }, (_, process) => `${unique}_${process}`);
  const [only] = queues;
  return {
    async start() {
      await boss.start();
      for (const [process, queue] of queues.entries()) {
        await boss.createQueue(queue, { notify: true, retryLimit: 3 });
        if (queues.length > 1) await boss.subscribe(unique, queue);
        const batch = { localConcurrency: 2, batchSize: CONCURRENCY * 5, burstWhenBatchFull: true };
        await boss.work(queue, { ...batch, pollingIntervalSeconds: 0.5 }, async (jobs) => {
          await Promise.all(jobs.map(({ data }) => options.work(process, data.id)));
        });
      }
    },
    emit(id) {
      const job = jobOf(id, options);
      return queues.length === 1 && only !== undefined ? boss.send(only, job) : boss.publish(unique, job);
    },
    stop: () => boss.stop({ graceful: false }),
  };
};

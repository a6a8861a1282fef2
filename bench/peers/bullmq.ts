// BullMQ on Redis. A fan-out is a queue a process, as its documentation advises for several consumers of one message.
import { CONCURRENCY, jobOf, load, unique, type CreatePeer, type Job } from "./peer.ts";

interface BullMQ {
  readonly Queue: new (
    name: string,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>;
    add(name: string, data: Job): Promise<unknown>;
    obliterate(options: { force: boolean }): Promise<void>;
    close(): Promise<void>;
  };
  readonly Worker: new (
    name: string,
    process: (job: { readonly data: Job }) => Promise<void>,
    options: object,
  ) => { waitUntilReady(): Promise<unknown>; close(): Promise<void> };
}

export const createPeer: CreatePeer = async (options) => {
  const { Queue, Worker } = await load<BullMQ>("bullmq");
  const { hostname, port } = new URL(options.server);
  const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };
  const defaultJobOptions = { attempts: 3, removeOnComplete: true };
  const queues = Array.from(
    { length: options.processes },
    (_, process) => new Queue(`${unique}_${process}`, { connection, defaultJobOptions }),
  );
  let workers: InstanceType<typeof Worker>[] = [];
  return {
    async start() {
      await Promise.all(queues.map((queue) => queue.waitUntilReady()));
      workers = queues.map(
        (_, process) =>
          new Worker(`${unique}_${process}`, ({ data }) => options.work(process, data.id), {
            connection,
            concurrency: CONCURRENCY,
          }),
      );
      await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    },
    emit: (id) => Promise.all(queues.map((queue) => queue.add("event", jobOf(id, options)))),
    async stop() {
      await Promise.all(workers.map((worker) => worker.close()));
      for (const queue of queues) {
        await queue.obliterate({ force: true });
        await queue.close();
      }
    },
  };
};

// p-queue: schedules promises in memory, a queue a process; nothing is kept.
import { CONCURRENCY, load, type CreatePeer } from "./peer.ts";

interface PQueueModule {
  readonly default: new (options: { concurrency: number }) => {
    add(task: () => Promise<void>): Promise<unknown>;
  };
}

export const createPeer: CreatePeer = async (options) => {
  const { default: PQueue } = await load<PQueueModule>("p-queue");
  const queues = Array.from({ length: options.processes }, () => new PQueue({ concurrency: CONCURRENCY }));
  const [only] = queues;
  return {
    start: async () => undefined,
    emit(id) {
      if (queues.length === 1 && only !== undefined) return only.add(() => options.work(0, id));
      return Promise.all(queues.map((queue, process) => queue.add(() => options.work(process, id))));
    },
    stop: async () => undefined,
  };
};

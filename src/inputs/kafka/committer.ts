import type { Clock, Timer } from "../../model/clock.ts";
import type { KafkaConsumer } from "../../kafka/driver.ts";
import { kafkaErrorNames } from "../../kafka/errors.ts";
import type { Partition } from "./partition.ts";

/** Milliseconds between two commits of offsets. */
const PAUSE = 100;
/** The group is about to be, or was, dealt out anew: who has the partition next reads from what was committed before. */
const DEALT_OUT = ["REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"];

/** Tells the group how far the journal has got. */
export interface Committer {
  /** Something is to be committed: soon it will. */
  touch(): void;
  /** Commits what is done by now, after what is being committed. Rejects if that cannot be done. */
  flush(): Promise<void>;
  close(): void;
}

export function createCommitter(
  group: KafkaConsumer,
  partitions: readonly Partition[],
  clock: Clock,
  onError: (error: unknown) => void,
): Committer {
  const committed = new Map(partitions.map((partition) => [partition, partition.start.committed]));
  let timer: Timer | undefined;
  let isClosed = false;
  let last: Promise<void> = Promise.resolve();

  async function commit(): Promise<void> {
    const due = partitions.filter((partition) => committed.get(partition) !== partition.done);
    if (due.length === 0 || !group.isActive()) return;
    const reached = due.map((partition) => [partition, partition.done] as const);
    try {
      await group.commit({
        offsets: due.map(({ start, done, leaderEpoch }) => ({
          topic: start.topic,
          partition: start.partition,
          offset: done,
          leaderEpoch,
        })),
      });
    } catch (error) {
      const names = kafkaErrorNames(error);
      if (DEALT_OUT.some((name) => names.has(name))) return;
      throw error;
    }
    for (const [partition, done] of reached) committed.set(partition, done);
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    last = last.catch(() => undefined).then(commit);
    return last;
  }

  return {
    touch() {
      if (isClosed) return;
      timer ??= clock.setTimer(PAUSE, () => void flush().catch(onError));
    },
    flush,
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}

import type { KafkaConsumer } from "../../kafka/driver.ts";
import { sleep } from "../../model/clock.ts";
import type { InputContext, InputLag } from "../../model/component.ts";
import type { Partition } from "./partition.ts";

/** Milliseconds between two looks at the ends of the partitions: those that wait for the journal fetch nothing. */
const LOOK = 10_000;
/** Partitions that are named, those furthest behind. */
const NAMED = 20;

/** How many messages the topics have beyond what is in the journal. */
export function lagOf(partitions: readonly Pick<Partition, "start" | "lag">[]): InputLag {
  const behind = partitions.filter(({ lag }) => lag > 0n);
  const events = behind.reduce((sum, { lag }) => sum + Number(lag), 0);
  const furthest = behind.toSorted((a, b) => Number(b.lag - a.lag)).slice(0, NAMED);
  const details = furthest.map(
    ({ start, lag }) => [`${start.topic}/${start.partition}`, Number(lag)] as const,
  );
  return { events, details: Object.fromEntries(details) };
}

/** Looks again and again where the partitions end, until `stop` aborts. What fails here fails elsewhere, too. */
export async function watchEnds(
  context: InputContext,
  reader: KafkaConsumer,
  partitions: readonly Partition[],
  stop: AbortSignal,
): Promise<void> {
  const topics = [...new Set(partitions.map(({ start }) => start.topic))];
  if (topics.length === 0) return;
  while (!stop.aborted) {
    await sleep(context.clock, LOOK, stop);
    if (stop.aborted) return;
    const ends = await reader.listOffsets({ topics, timestamp: -1n }).catch(() => undefined);
    for (const partition of partitions) {
      const end = ends?.get(partition.start.topic)?.[partition.start.partition];
      if (end !== undefined) partition.noteEnd(end);
    }
    if (!stop.aborted) context.report({ lag: lagOf(partitions) });
  }
}

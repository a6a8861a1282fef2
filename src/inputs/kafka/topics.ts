import type { KafkaAdmin } from "../../kafka/driver.ts";
import { topicPattern, type KafkaInputOptions } from "./options.ts";

/** Which of the topics that there are is meant, and which of those that are named there are not. */
export interface FoundTopics {
  readonly names: readonly string[];
  readonly missing: readonly string[];
}

export async function findTopics(
  admin: KafkaAdmin,
  wanted: KafkaInputOptions["topics"],
): Promise<FoundTopics> {
  return chooseTopics(await admin.listTopics({ includeInternals: false }), wanted);
}

export function chooseTopics(existing: readonly string[], wanted: KafkaInputOptions["topics"]): FoundTopics {
  if ("pattern" in wanted) {
    const pattern = topicPattern(wanted.pattern);
    return { names: existing.filter((name) => pattern.test(name)).toSorted(), missing: [] };
  }
  const there = new Set(existing);
  const names = [...new Set(wanted)];
  return {
    names: names.filter((name) => there.has(name)).toSorted(),
    missing: names.filter((name) => !there.has(name)),
  };
}

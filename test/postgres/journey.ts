import type { History } from "../../src/journal/history.ts";

/** What became of an event: it, its runs, what they caused, and so on, each in a line. */
export async function journeyFrom(history: History, uid: string): Promise<readonly string[]> {
  const journey = await history.journey(uid);
  if (journey === undefined) return [];
  const { event, runs, caused } = journey;
  const later = await Promise.all(caused.map((one) => journeyFrom(history, one.uid)));
  return [
    `${event.location} ${event.operation} ${event.id}`,
    ...runs.map(({ process, state }) => `${process} ${state}`),
    ...later.flat(),
  ];
}

import type { Event, RunContext } from "sluice";

export default async function run(event: Event, { log }: RunContext): Promise<void> {
  log(`order ${event.id}`);
}

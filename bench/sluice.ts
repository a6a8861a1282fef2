import { Orchestrator } from "../src/index.ts";
import type { Ledger } from "./ledger.ts";
import { payload, type Subject } from "./subject.ts";

/** The engine as a user gets it, with its default settings: concurrency 8, retries, an ordinary link a process. */
export function createSluice(journal: string, processes: number, ledger: Ledger): Subject {
  const orchestrator = new Orchestrator({ journal });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  for (let number = 0; number < processes; number++) {
    const process = orchestrator.addProcess({
      name: `process_${number}`,
      run: async (event) => ledger.count(number, event.id),
    });
    orchestrator.addLink(input, process);
  }
  const durable = journal !== "memory:";
  return {
    start: () => orchestrator.start(),
    emit: (id) =>
      orchestrator.emit(
        "in",
        durable
          ? { location: "t", operation: "create", id, data: payload }
          : { location: "t", operation: "create", id },
      ),
    idle: () => orchestrator.idle(),
    stop: () => orchestrator.stop(),
  };
}

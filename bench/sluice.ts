import { Orchestrator } from "../src/index.ts";
import type { History } from "../src/journal/history.ts";
import type { Ledger } from "./ledger.ts";
import { payloadOf, type Subject } from "./subject.ts";

export interface SluiceOptions {
  readonly journal: string;
  /** How many processes each event goes to. */
  readonly processes: number;
  /** Bytes as JSON. */
  readonly payload: number;
  /** Over how many places events are spread, each linked to a process of its own. Defaults to one for all. */
  readonly routes?: number | undefined;
}

export interface Sluice extends Subject {
  readonly orchestrator: Orchestrator;
  readonly history: () => History;
}

/** The engine as a user gets it, with its default settings: concurrency 8, retries, an ordinary link a process. */
export function createSluice(options: SluiceOptions, ledger: Ledger): Sluice {
  const { journal, processes, payload, routes = 1 } = options;
  const orchestrator = new Orchestrator({ journal });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  for (let number = 0; number < processes; number++) {
    for (let route = 0; route < routes; route++) {
      const process = orchestrator.addProcess({
        name: routes === 1 ? `process_${number}` : `process_${number}_${route}`,
        run: async (event) => ledger.count(number, event.id),
      });
      orchestrator.addLink(input, process, routes === 1 ? {} : { locations: [`place_${route}`] });
    }
  }
  const data = payloadOf(payload);
  const place = routes === 1 ? () => "t" : (id: string) => `place_${Number(id) % routes}`;
  return {
    orchestrator,
    history: () => orchestrator.history,
    start: () => orchestrator.start(),
    emit: (id) =>
      orchestrator.emit(
        "in",
        data === undefined
          ? { location: place(id), operation: "create", id }
          : { location: place(id), operation: "create", id, data },
      ),
    idle: () => orchestrator.idle(),
    stop: () => orchestrator.stop(),
  };
}

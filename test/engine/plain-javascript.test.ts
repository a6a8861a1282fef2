import { expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { cronInput } from "../../src/inputs/cron.ts";

const create = (options: object): Orchestrator => new Orchestrator(options as { journal: string });

test.each<[string, () => unknown, string]>([
  ["no journal", () => create({}), 'name a journal: "memory:" or "sqlite:PATH"'],
  [
    "a component without its function",
    () => create({ journal: "memory:" }).addProcess({ name: "land" } as never),
    'process "land" has no function run(event, context)',
  ],
  [
    "an input without its function",
    () => create({ journal: "memory:" }).addInput({ name: "orders" } as never),
    'input "orders" has no function handle(context)',
  ],
  [
    "a misspelt setting",
    () =>
      create({ journal: "memory:" }).addProcess({ name: "land", run: () => {} }, { concurency: 3 } as never),
    'process "land": there is no setting "concurency"; did you mean "concurrency"?',
  ],
  [
    "a misspelt option of a kind",
    () => cronInput({ name: "tick", shedule: "@daily", schedule: "0 0 * * *" } as never),
    'cron "tick": there is no option "shedule"; did you mean "schedule"?',
  ],
  [
    "an option that is missing",
    () => cronInput({ name: "tick" } as never),
    'cron "tick" (schedule): it is missing',
  ],
])("what no compiler checks, %s, is refused at once", (_, attempt, message) => {
  expect(attempt).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS", message }));
});

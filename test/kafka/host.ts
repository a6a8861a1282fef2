// A pipeline in a process of its own, to be killed: a topic → a process that writes down what it sees.
import { appendFileSync } from "node:fs";
import { Orchestrator } from "../../src/index.ts";
import { kafkaInput } from "../../src/inputs/kafka/index.ts";

const [broker, topic, journal, ledger] = process.argv.slice(2) as [string, string, string, string];

const orchestrator = new Orchestrator({ journal: `sqlite:${journal}` });
const input = kafkaInput({
  name: "numbers",
  brokers: [broker],
  topics: [topic],
  group: "killed",
  sessionTimeout: "2s",
  batchSize: 50,
});
orchestrator.addInput(input);
orchestrator.addProcess({
  name: "note",
  settings: { concurrency: 4 },
  run: ({ data, id, uid }) => appendFileSync(ledger, `${String(data)} ${id} ${uid}\n`),
});
orchestrator.addLink("numbers", "note");
process.stdout.write("started\n");
await orchestrator.run();

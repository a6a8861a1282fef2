// Greets whoever is named on standard input. An input of one's own, a process of one's own, a journal on disk.
import { createInterface } from "node:readline";
import { Orchestrator, type Event } from "sluice";

await using orchestrator = new Orchestrator({ journal: "sqlite:.sluice/minimal.db" });

const names = orchestrator.addInput<string>({
  name: "names",
  async handle({ emit, signal }) {
    for await (const name of createInterface({ input: process.stdin, signal })) {
      await emit({ data: name }); // on disk when this resolves
    }
    await orchestrator.idle(); // no more names, and all are greeted
    void orchestrator.stop();
  },
});
const greet = orchestrator.addProcess({
  name: "greet",
  run: ({ data }: Event<string>) => console.log(`hello, ${data}`), // if it throws, it is tried again
});
orchestrator.addLink(names, greet);

await orchestrator.run(); // until stop(), or Ctrl-C

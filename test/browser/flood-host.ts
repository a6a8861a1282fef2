// A pipeline in memory through which some ten thousand runs a second pass, with the page: a process of its own, so that
// who looks at it costs it nothing. argv: the folder of the page, events a second. Tells how many runs have ended when
// it is asked.
import { attemptEnded } from "../../src/engine/diagnostics.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createApi } from "../../src/http/api.ts";
import { listen } from "../../src/http/listen.ts";
import { openPage } from "../../src/http/page.ts";
import { journalFrom } from "../../src/journal/open.ts";

const [folder = "", perSecond = "5000"] = process.argv.slice(2);
const BEAT = 10;

const orchestrator = new Orchestrator({ name: "flood", journal: journalFrom("memory:") });
orchestrator.addInput({
  name: "orders",
  type: "kafka",
  handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
});
let failing = 0;
for (const name of ["enrich", "report"]) {
  orchestrator.addProcess(
    {
      name,
      type: "function",
      run() {
        failing += 1;
        if (failing % 1_000 === 0) throw new Error(`order ${failing} has no customer`);
      },
    },
    { concurrency: 64, retry: { attempts: 1 } },
  );
  orchestrator.addLink("orders", name);
}
await orchestrator.start();

let ended = 0;
attemptEnded.subscribe(() => void (ended += 1));
process.on("message", () => process.send?.({ ended, at: performance.now() }));
process.on("disconnect", () => process.exit());

const api = createApi(orchestrator, { page: openPage(folder) as NonNullable<ReturnType<typeof openPage>> });
const { url } = await listen(api.fetch, { host: "127.0.0.1", port: 0 });

let id = 0;
const began = performance.now();
setInterval(() => {
  // What is owed since the beginning, but never more than a second's: a machine that is busy is not buried.
  const owed = Math.floor(((performance.now() - began) * Number(perSecond)) / 1_000) - id;
  for (let left = Math.min(owed, Number(perSecond)); left > 0; left -= 1) {
    const order = {
      id: id++,
      location: "shop.orders",
      operation: "create",
      data: { id, total: id % 900 },
    } as const;
    orchestrator.emit("orders", order).catch(() => undefined);
  }
}, BEAT);
process.send?.({ url });

// What was built, used as users do: every subpath loads by its name, and a durable pipeline runs from dist.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as sluice from "../src/index.ts";
import manifest from "../package.json" with { type: "json" };

for (const subpath of Object.keys(manifest.exports)) {
  if (subpath.endsWith(".json")) continue;
  await import(subpath.replace(/^\./, manifest.name));
}

const { Orchestrator }: typeof sluice = await import(manifest.name);
const folder = await mkdtemp(join(tmpdir(), "sluice-smoke-"));
let seen = 0;
try {
  await using orchestrator = new Orchestrator({ journal: `sqlite:${folder}/journal.db` });
  const input = orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  const process = orchestrator.addProcess({ name: "count", run: () => void seen++ });
  orchestrator.addLink(input, process);
  await orchestrator.start();
  await orchestrator.emit("in", { operation: "create", id: 1 });
  await orchestrator.idle();
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (seen !== 1) throw new Error(`one event was emitted, and the process saw ${seen}`);
console.log("every subpath loads, and a durable pipeline runs from dist");

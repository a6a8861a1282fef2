// Node-RED: a function node wired to one function node a process. Keeps nothing, and limits no concurrency.
import { createServer } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { load, type CreatePeer } from "./peer.ts";

interface NodeRed {
  readonly default: {
    init(server: object, settings: object): void;
    start(): Promise<void>;
    stop(): Promise<void>;
    readonly nodes: { getNode(id: string): { receive(message: object): void } | null };
  };
}

/** Messages that are sent before the loop is let go: it would never come to them otherwise. */
const BURST = 500;

export const createPeer: CreatePeer = async (options) => {
  const { default: red } = await load<NodeRed>("node-red");
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-red-"));
  const ends = Array.from({ length: options.processes }, (_, process) => `process_${process}`);
  const flow = [
    { id: "flow", type: "tab", label: "bench" },
    functionNode("input", "return msg;", [ends]),
    ...ends.map((id, process) =>
      functionNode(id, `return global.get("work")(${process}, msg.payload.id).then(() => null);`, []),
    ),
  ];
  await writeFile(join(folder, "flows.json"), JSON.stringify(flow));
  let sent = 0;
  return {
    async start() {
      red.init(createServer(), {
        httpAdminRoot: false,
        httpNodeRoot: false,
        userDir: folder,
        flowFile: "flows.json",
        logging: { console: { level: "off" } },
        functionGlobalContext: { work: options.work },
        telemetry: { enabled: false, updateNotification: false },
      });
      await red.start();
      while (red.nodes.getNode("input") === null) await sleep(20);
    },
    async emit(id) {
      red.nodes.getNode("input")?.receive({ payload: { id, location: "t", operation: "create" } });
      if (++sent % BURST === 0) await nextTurn();
    },
    async stop() {
      await red.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

function functionNode(id: string, func: string, wires: readonly (readonly string[])[]): object {
  return { id, type: "function", z: "flow", name: id, func, outputs: 1, wires, x: 1, y: 1, libs: [] };
}

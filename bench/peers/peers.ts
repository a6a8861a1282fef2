import type { CreatePeer } from "./peer.ts";

export interface PeerSpec {
  readonly title: string;
  readonly module: string;
  /** Which server it needs. */
  readonly server: "redis_always" | "redis_everysec" | "postgres" | "none";
  /** Events of a sample: a few seconds' worth. */
  readonly events: number;
}

export type PeerName =
  | "bullmq_always"
  | "bullmq_everysec"
  | "graphile"
  | "pg_boss"
  | "dbos"
  | "node_red"
  | "p_queue";

export const PEERS: Readonly<Record<PeerName, PeerSpec>> = {
  bullmq_always: {
    title: "BullMQ, fsync always",
    module: "./bullmq.ts",
    server: "redis_always",
    events: 6_000,
  },
  bullmq_everysec: {
    title: "BullMQ, fsync everysec",
    module: "./bullmq.ts",
    server: "redis_everysec",
    events: 12_000,
  },
  graphile: {
    title: "graphile-worker",
    module: "./graphile-worker.ts",
    server: "postgres",
    events: 1_200,
  },
  pg_boss: { title: "pg-boss", module: "./pg-boss.ts", server: "postgres", events: 1_200 },
  dbos: { title: "DBOS", module: "./dbos.ts", server: "postgres", events: 600 },
  node_red: { title: "Node-RED", module: "./node-red.ts", server: "none", events: 40_000 },
  p_queue: { title: "p-queue", module: "./p-queue.ts", server: "none", events: 200_000 },
};

export async function loadPeer(name: PeerName): Promise<CreatePeer> {
  const { createPeer } = (await import(PEERS[name].module)) as { readonly createPeer: CreatePeer };
  return createPeer;
}

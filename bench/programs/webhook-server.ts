// The server under `webhook.ts`, whose child it is: tells its port, and when told to stop what was lost or doubled.
import { once } from "node:events";
import { serve as serveHono } from "@hono/node-server";
import { Hono } from "hono";
import { serve } from "../../src/http/serve.ts";
import { Orchestrator } from "../../src/index.ts";
import { webhookInput } from "../../src/inputs/webhook.ts";
import { Ledger } from "../ledger.ts";

export interface WebhookServerOptions {
  readonly kind: "sluice" | "hono" | "hono-unread";
  readonly journal: string;
  readonly events: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as WebhookServerOptions;
await (options.kind === "sluice" ? runSluice(options) : runHono(options.kind === "hono"));
process.exit();

async function runSluice({ journal, events }: WebhookServerOptions): Promise<void> {
  const ledger = new Ledger(events, 1);
  const orchestrator = new Orchestrator({ journal: `sqlite:${journal}` });
  const orders = orchestrator.addInput(webhookInput({ name: "orders", path: "/orders", auth: "none" }));
  const work = orchestrator.addProcess({
    name: "process",
    run: async (event) => ledger.count(0, event.id),
  });
  orchestrator.addLink(orders, work);
  const servers = await serve(orchestrator, { http: { host: "127.0.0.1", port: 0 } });
  await orchestrator.start();
  process.send?.(Number(new URL(servers.http ?? "").port));
  await once(process, "message");
  await orchestrator.idle();
  process.send?.(ledger.audit());
  await servers.close();
  await orchestrator.stop();
}

async function runHono(reads: boolean): Promise<void> {
  const app = new Hono();
  app.post("/orders", async (context) => {
    if (reads) await context.req.json();
    return context.json({ uid: "019ab5e4-7a86-7c6e-9d3f-6b1f3a1f6a51" }, 202);
  });
  const port = await new Promise<number>((resolve) => {
    serveHono({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, (info) => resolve(info.port));
  });
  process.send?.(port);
  await once(process, "message");
  process.send?.({ lost: 0, doubled: 0 });
}

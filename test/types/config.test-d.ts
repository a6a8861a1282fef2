import { test } from "vitest";
import { definePipeline } from "../../src/config/index.ts";
import { webhookInput } from "../../src/inputs/webhook.ts";
import { commandProcess } from "../../src/processes/command.ts";
import type { Process } from "../../src/model/component.ts";

interface Order {
  readonly total: number;
}

const enrich: Process<Order, Order> = {
  name: "enrich",
  run: async (event) => void event.data.total.toFixed(),
};

test("components made by a factory, as plain objects and as tables are taken", () => {
  definePipeline({
    name: "orders",
    journal: "memory:",
    grace: "10s",
    retention: { succeeded: "1d", maxSize: "10GB" },
    http: { listen: "127.0.0.1:0", viewerToken: "may read", adminToken: "may change" },
    inputs: [
      webhookInput({ name: "hook", path: "/hook", auth: "none" }),
      { name: "tick", type: "cron", schedule: "* * * * *", expectEvery: "1h" },
      {
        name: "mine",
        reads: ["raw.orders"],
        async handle({ emit, signal }) {
          if (!signal.aborted) await emit({ data: { total: 1 } });
        },
      },
    ],
    processes: [
      enrich,
      commandProcess({ name: "cat", argv: ["cat"], timeout: "1m" }),
      { name: "table", type: "command", argv: ["cat"], on: ["hook", "tick"], retry: { attempts: 2 } },
      {
        name: "inline",
        on: "mine",
        settings: { order: "key" },
        run(event, { log }) {
          log(event.id.trim());
        },
      },
    ],
    links: [{ from: "hook", to: "enrich", operations: ["create"], when: "data.total > 1000" }],
  });
});

test("a misspelt key, a link without its target and a table without its type do not compile", () => {
  // @ts-expect-error -- a misspelt key
  definePipeline({ nam: "orders" });

  // @ts-expect-error -- a link without its target
  definePipeline({ links: [{ from: "hook" }] });

  // @ts-expect-error -- a table without its type
  definePipeline({ processes: [{ name: "x", argv: ["x"] }] });
});

import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput } from "../../src/inputs/postgres/index.ts";
import { traceOrchestrator } from "../../src/observe/tracing.ts";
import { sqlProcess } from "../../src/processes/sql/index.ts";
import { openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";
import { registerTracing } from "../support/tracing.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`a trace through PostgreSQL ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    await client.query("create table orders (id int primary key)");
  });
  afterEach(() => client.end());

  test("goes on where a table's change is captured: below the attempt that made it", async () => {
    using tracer = registerTracing();
    await using orchestrator = new Orchestrator({ journal: "memory:" });
    orchestrator.addInput({
      name: "shop",
      handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    orchestrator.addProcess(
      sqlProcess({ name: "land", connectionString: url, statement: "insert into orders values (:data.id)" }),
    );
    orchestrator.addInput(postgresInput({ name: "raw", connectionString: url, tables: ["public.orders"] }));
    orchestrator.addProcess({ name: "report", run: () => undefined });
    orchestrator.addLink("shop", "land");
    orchestrator.addLink("raw", "report");
    using tracing = await traceOrchestrator(orchestrator);
    expect(tracing.hasSdk).toBe(true);
    await orchestrator.start();
    await orchestrator.ready();
    await orchestrator.emit("shop", { data: { id: 1 } });
    // What is captured may be told before the attempt that wrote it has been settled.
    const names = ["emit shop", "run land", "emit raw", "run report"];
    await expect
      .poll(() => tracer.spans().map(({ name }) => name), { timeout: 10_000 })
      .toEqual(expect.arrayContaining(names));
    const spans = names.map((name) => tracer.span(name));
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
    const parents = spans.slice(1).map((span) => span.parentSpanContext?.spanId);
    expect(parents).toEqual(spans.slice(0, -1).map((span) => span.spanContext().spanId));
  });
});

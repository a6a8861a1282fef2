import { afterAll, describe, expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { kafkaInput } from "../../src/inputs/kafka/index.ts";
import { traceOrchestrator } from "../../src/observe/tracing.ts";
import { kafkaProcess } from "../../src/processes/kafka/index.ts";
import { listener } from "../support/engine.ts";
import { openTopic } from "../support/kafka-input.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { registerTracing } from "../support/tracing.ts";

const { kafka, reason } = await kafkaForTests();
afterAll(() => kafka?.stop());
const broker = kafka?.broker ?? "";
const SENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe.skipIf(kafka === undefined)(`a trace through a Kafka topic ${reason ?? ""}`, () => {
  test("is one, over two pipelines: each event below the attempt that sent it, a retry linked to the attempt before", async () => {
    using tracer = registerTracing();
    await using topic = await openTopic(broker);
    await using shop = new Orchestrator({ name: "shop", journal: "memory:" });
    shop.addInput(listener("orders"));
    shop.addProcess(kafkaProcess({ name: "publish", brokers: [broker], topic: topic.name }));
    shop.addLink("orders", "publish");

    await using store = new Orchestrator({ name: "store", journal: "memory:" });
    const group = `group-${topic.name}`;
    store.addInput(kafkaInput({ name: "sold", brokers: [broker], topics: [topic.name], group }));
    store.addProcess(
      {
        name: "land",
        run(_, { attempt }) {
          if (attempt === 1) throw new Error("not yet");
        },
      },
      { retry: { attempts: 2, initial: 1 } },
    );
    store.addLink("sold", "land");

    using traced = await traceOrchestrator(shop);
    using alsoTraced = await traceOrchestrator(store);
    expect([traced.hasSdk, alsoTraced.hasSdk]).toEqual([true, true]);
    for (const orchestrator of [shop, store]) {
      await orchestrator.start();
      await orchestrator.ready();
    }
    await shop.emit("orders", { data: { id: 1 }, cause: { runs: [], hops: 0, traceparent: SENT } });

    const names = ["emit orders", "run publish", "emit sold", "run land", "run land"];
    await expect
      .poll(() => tracer.spans().map(({ name }) => name), { timeout: 15_000 })
      .toSatisfy((ended: string[]) => names.length === ended.length);
    const [emit, publish, sold] = names.slice(0, 3).map((name) => tracer.span(name));
    const [first, second] = tracer.spans().filter(({ name }) => name === "run land");
    const all = [emit, publish, sold, first, second];
    expect(all.map((span) => span?.spanContext().traceId)).toEqual(all.map(() => SENT.split("-")[1]));
    expect(all.map((span) => span?.parentSpanContext?.spanId)).toEqual([
      SENT.split("-")[2],
      emit?.spanContext().spanId,
      publish?.spanContext().spanId,
      sold?.spanContext().spanId,
      sold?.spanContext().spanId,
    ]);
    expect(all.map((span) => span?.attributes["sluice.pipeline"])).toEqual([
      "shop",
      "shop",
      "store",
      "store",
      "store",
    ]);
    expect(all.flatMap((span) => span?.links.map(({ context }) => context.spanId) ?? [])).toEqual([
      first?.spanContext().spanId,
    ]);
    expect(first?.attributes["sluice.attempt"]).toBe(1);
  });
});

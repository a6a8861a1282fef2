import { afterAll, describe, expect, test } from "vitest";
import { guideBlocks } from "../support/guide.ts";
import { openTopic, startKafkaInput } from "../support/kafka-input.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { workspace } from "../support/cli.ts";

const block = guideBlocks("kafka.md");
const { kafka, reason } = await kafkaForTests();
afterAll(() => kafka?.stop());
const broker = kafka?.broker ?? "";

describe.skipIf(kafka === undefined)(`the guide "Kafka" ${reason ?? ""}`, () => {
  test(
    "has a pipeline that runs: what one topic has is told on by another",
    { timeout: 60_000 },
    async () => {
      await using orders = await openTopic(broker, { name: "orders" });
      await using checked = await openTopic(broker, { name: "checked-orders" });
      const space = workspace(block("sluice.toml"));
      try {
        space.write("check.ts", block("check.ts"));
        const running = await space.run({ env: { KAFKA_BROKER: broker } });
        await orders.send({ key: "o-1", value: '{"id":"o-1","action":"create","country":"DE"}' });
        await using told = await startKafkaInput(broker, checked.name);
        await told.context.waitFor(1);
        expect(told.context.emitted[0]).toMatchObject({
          key: "o-1",
          data: { id: "o-1", country: "DE", checked: true },
          headers: { country: "DE", source: "shop" },
          cause: { hops: 2 },
        });
        const { code } = await running.stop();
        expect(code).toBe(0);
      } finally {
        await space.remove();
      }
    },
  );
});

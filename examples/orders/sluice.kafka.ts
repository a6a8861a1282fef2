// The pipeline of sluice.toml with a topic as its way in, instead of the webhook.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";

const { input, ...pipeline } = parse(readFileSync(join(import.meta.dirname, "sluice.toml"), "utf8"));

const orders = {
  name: "orders",
  type: "kafka",
  brokers: (process.env["KAFKA_BROKERS"] ?? "127.0.0.1:9092").split(","),
  topics: ["orders"],
  group: "${env:KAFKA_GROUP}",
  from: "latest", // a topic that was used before may have other orders
  pick: { operation: "/action", id: "/id" }, // the message's key is the order, so that its versions stay in line
};

const withTopic: object = { ...pipeline, input: [orders, ...(input as object[]).slice(1)] };
export default withTopic;

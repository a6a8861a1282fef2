// Fetches the programs of the Kafka broker that tests and examples start, unless they are there.
import { fetchKafka } from "./kafka.ts";

await fetchKafka();

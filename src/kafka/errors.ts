import { SluiceError } from "../model/errors.ts";
import { printable } from "../model/printable.ts";

/** What the client throws: its own code, Kafka's name of the error, and the errors of its tries or partitions. */
interface ClientError {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly apiId?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}

/** Levels of errors that are looked into. */
const DEEPEST = 6;

/** Kafka's names of the errors in it, such as `MESSAGE_TOO_LARGE`. */
export function kafkaErrorNames(error: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { apiId } of flatten(error)) if (typeof apiId === "string") names.add(apiId);
  return names;
}

/** In one line: what lies deepest says most. */
export function describeKafkaError(error: unknown): string {
  const messages = flatten(error)
    .filter(({ errors, cause }) => !Array.isArray(errors) && cause === undefined)
    .map(({ message, apiId, code }) => {
      const name = typeof apiId === "string" ? apiId : typeof code === "string" ? code : undefined;
      const text = typeof message === "string" && message !== "" ? message : "no message";
      return name === undefined || text.includes(name) ? text : `${name}: ${text}`;
    });
  const distinct = [...new Set(messages)].slice(0, 3);
  return printable(distinct.length === 0 ? String(error) : distinct.join("; ")).slice(0, 1_000);
}

/** What an input fails with when the brokers cannot be reached, or refuse. */
export function sourceError(error: unknown, what: string, brokers: readonly string[]): SluiceError {
  const where = `Kafka at ${brokers.join(", ")}`;
  return new SluiceError("SOURCE_UNAVAILABLE", `${what} ${where}: ${describeKafkaError(error)}`, {
    details: { brokers, errors: [...kafkaErrorNames(error)] },
  });
}

function flatten(error: unknown, depth = 0): readonly ClientError[] {
  if (typeof error !== "object" || error === null || depth > DEEPEST) return [];
  const one = error as ClientError;
  const inner = Array.isArray(one.errors) ? (one.errors as unknown[]) : [];
  return [one, ...[...inner, one.cause].flatMap((each) => flatten(each, depth + 1))];
}

import { createRequire } from "node:module";
import type * as Cel from "@marcbachmann/cel-js";
import { SluiceError, type ErrorRecord } from "../model/errors.ts";
import { isoTime, orderingKey, type EventRecord } from "../model/event.ts";
import { didYouMean } from "../model/suggest.ts";

/** The variables of a `when`, as CEL types. A JSON number is a double, whatever its text. */
const VARIABLES: Readonly<Record<string, string>> = {
  location: "string",
  operation: "string",
  id: "string",
  trigger: "string",
  uid: "string",
  time: "string",
  key: "string",
  data: "dyn",
  headers: "map<string, string>",
};

/** Answers for one event: `true`, `false`, or what went wrong. */
export type Condition = (event: EventView) => boolean | ErrorRecord;

/** An event as expressions see it. What has to be parsed is parsed when an expression first asks, and once. */
export class EventView {
  readonly #event: EventRecord;
  #data: unknown;
  #headers: unknown;

  constructor(event: EventRecord) {
    this.#event = event;
  }
  get location(): string {
    return this.#event.location;
  }
  get operation(): string {
    return this.#event.operation;
  }
  get id(): string {
    return this.#event.id;
  }
  get trigger(): string {
    return this.#event.trigger;
  }
  get uid(): string {
    return this.#event.uid;
  }
  get time(): string {
    return isoTime(this.#event.time);
  }
  get key(): string {
    return orderingKey(this.#event);
  }
  /** `null` if there is none: CEL has no absent variables. */
  get data(): unknown {
    if (this.#data === undefined) this.#data = parse(this.#event.data, null);
    return this.#data;
  }
  get headers(): unknown {
    if (this.#headers === undefined) this.#headers = parse(this.#event.headers, {});
    return this.#headers;
  }
}

function parse(json: string | null, absent: unknown): unknown {
  return json === null ? absent : JSON.parse(json);
}

/**
 * Compiles a CEL expression (https://github.com/google/cel-spec) over an event's fields.
 *
 * Numbers: every JSON number is a `double`. Comparisons mix freely (`data.total > 1000`), arithmetic does not, as
 * CEL has it: `data.total * 2.0`, or `int(data.total) % 2`.
 *
 * @param where what the expression belongs to, for messages
 * @throws SluiceError INVALID_EXPRESSION for what cannot be parsed, names an unknown variable or can never be true
 * or false; `details.position` counts characters from 0.
 */
export function compileWhen(source: string, where: string): Condition {
  const evaluate = check(source, where);
  const failed = (why: string): ErrorRecord => ({
    code: "WHEN_FAILED",
    message: `${where}: when ${JSON.stringify(source)} ${why}`,
  });
  return (event) => {
    let answer: unknown;
    try {
      answer = evaluate(event);
    } catch (error) {
      return failed(`failed: ${summaryOf(error)}`);
    }
    if (typeof answer === "boolean") return answer;
    return failed(`answered ${typeName(answer)}, not true or false`);
  };
}

function check(source: string, where: string): Cel.ParseResult {
  let parsed: Cel.ParseResult;
  try {
    parsed = environment().parse(source);
  } catch (error) {
    throw invalid(source, where, error);
  }
  const { valid, type, error } = parsed.check();
  if (!valid) throw invalid(source, where, error);
  if (type === "bool" || type === "dyn") return parsed;
  throw invalid(source, where, new Error(`it answers ${type}, not true or false`));
}

function invalid(source: string, where: string, cause: unknown): SluiceError {
  const position = (cause as { range?: Cel.SourceRange }).range?.start ?? 0;
  const summary = summaryOf(cause);
  const unknown = /^Unknown variable: (.+)$/.exec(summary)?.[1];
  const hint = unknown === undefined ? "" : didYouMean(unknown, Object.keys(VARIABLES));
  return new SluiceError(
    "INVALID_EXPRESSION",
    `${where}: when ${JSON.stringify(source)}, at character ${position + 1}: ${summary}${hint}`,
    { cause, details: { position, expression: source } },
  );
}

/** The library's messages go on for several lines, to point at the place; the first says what it is. */
function summaryOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  return summary ?? (message ?? String(error)).split("\n", 1)[0] ?? "";
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value === "object" ? "map" : typeof value}`;
}

let shared: Cel.Environment | undefined;

/** Made when the first `when` appears: pipelines without one do not load the library. */
function environment(): Cel.Environment {
  if (shared !== undefined) return shared;
  const { Environment } = createRequire(import.meta.url)("@marcbachmann/cel-js") as typeof Cel;
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  });
  for (const [name, type] of Object.entries(VARIABLES)) made.registerVariable(name, type);
  shared = made;
  return made;
}

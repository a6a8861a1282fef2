import { pino } from "pino";
import { isSluiceError, toErrorRecord } from "../model/errors.ts";
import type { Logger } from "../model/logger.ts";
import { harmless, toSafeJson } from "./text.ts";
import { clockTime } from "./time.ts";

/**
 * The log of a running pipeline, on stderr: one JSON object a line (pino), or for a terminal one line that people
 * read. `redact` takes secrets out of both.
 */
export function createLogger(redact: (text: string) => string): Logger {
  const write = (line: string): boolean => process.stderr.write(redact(line));
  const isForPeople = process.stderr.isTTY;
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: describeError },
    },
    { write: isForPeople ? (line: string) => write(forPeople(line)) : write },
  );
}

/**
 * What was foreseen says all in its message; of anything else its stack and its causes are wanted, which stand apart:
 * pino's own way strings their texts together, and ours hold them already.
 */
function describeError(error: unknown): unknown {
  if (!isSluiceError(error) || error.code === "INTERNAL") {
    return error instanceof Error ? pino.stdSerializers.errWithCause(error) : error;
  }
  const { code, message } = toErrorRecord(error);
  return { type: error.name, code, message };
}

/** `07:21:39.123 info  message  key=value`, whatever a line of the log holds. */
export function forPeople(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const error = messageOf(err);
  const isSaid = error === undefined || (typeof error === "string" && String(msg).includes(error));
  const parts = Object.entries({ ...fields, ...(!isSaid && { error }) })
    .map(([key, value]) => `${key}=${typeof value === "string" ? value : toSafeJson(value)}`)
    .map(harmless);
  const head = `${clockTime(new Date(String(time)))} ${harmless(String(level)).padEnd(5)} ${harmless(String(msg))}`;
  return `${[head, ...parts].join("  ")}\n`;
}

function messageOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "message" in error ? error.message : error;
}

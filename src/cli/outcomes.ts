import type { RunOutcome } from "../engine/handles.ts";
import { isSluiceError } from "../model/errors.ts";
import type { Pace } from "../model/pace.ts";
import type { Client } from "./client.ts";
import { EXIT } from "./command.ts";
import { hint } from "./output.ts";
import { harmless } from "./text.ts";

const NEVER = new AbortController().signal;

/** Does the same to each run; one that cannot be is said, and makes the command fail, but stops no other. */
export async function eachRun(
  client: Client,
  runs: readonly string[],
  action: "replay" | "cancel",
  body: object = {},
  pace?: Pace,
): Promise<readonly RunOutcome[]> {
  const outcomes: RunOutcome[] = [];
  for (const id of runs) {
    await pace?.next(1, NEVER);
    try {
      outcomes.push(await client.post<RunOutcome>(`runs/${encodeURIComponent(id)}/${action}`, body));
    } catch (error) {
      outcomes.push(toOutcome(id, error));
    }
  }
  return outcomes;
}

function toOutcome(id: string, error: unknown): RunOutcome {
  const isNotFound = isSluiceError(error, "RUN_NOT_FOUND");
  if (!isNotFound && !isSluiceError(error, "RUN_STATE")) throw error;
  process.exitCode = EXIT.failed;
  hint(`error: ${error.code} ${harmless(error.message)}`);
  return { id, ok: false, why: isNotFound ? "not_found" : "state", message: error.message };
}

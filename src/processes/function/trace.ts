import { fileURLToPath } from "node:url";
import type { Process } from "../../model/component.ts";
import { isPermanentError, isRetryAfter, isSluiceError } from "../../model/errors.ts";

/** What is ours, and not the function's. */
const OWN = new URL("../../", import.meta.url);
const CAUSES = 3;

/** A process that says in the run's log where in its module a mistake is: the error alone says only what. */
export function withTrace(process: Process): Process {
  return {
    ...process,
    async run(event, context) {
      try {
        return await process.run(event, context);
      } catch (error) {
        const trace = context.signal.aborted ? undefined : traceOf(error);
        if (trace !== undefined) context.log(trace, "stderr");
        throw error;
      }
    },
  };
}

/** `undefined` for what was thrown to tell the engine something. */
function traceOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || isSluiceError(error) || isPermanentError(error) || isRetryAfter(error))
    return undefined;
  const lines = String(error.stack)
    .split("\n")
    .filter((line) => !isForeign(line));
  return [...lines, ...causesOf(error)].join("\n");
}

function isForeign(line: string): boolean {
  return line.includes("(node:internal/") || line.includes(OWN.href) || line.includes(fileURLToPath(OWN));
}

/** `fetch failed` says nothing; its cause does. */
function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < CAUSES) {
    causes.push(`caused by ${String(cause)}`);
    cause = cause.cause;
  }
  return causes;
}

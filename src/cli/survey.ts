import type { SurveyProgress } from "../engine/handles.ts";
import { SluiceError, type ErrorCode, type ErrorRecord } from "../model/errors.ts";
import type { Client } from "./client.ts";
import { hint } from "./output.ts";
import { harmless } from "./text.ts";

/** A line of the answer to a backfill or an audit. */
interface SurveyLine {
  readonly progress?: SurveyProgress | null;
  readonly report?: unknown;
  readonly error?: ErrorRecord;
}

const WIDTH = 24;
/** Milliseconds between lines where nobody sees a bar move. */
const SPOKEN_EVERY = 5_000;

/**
 * Has an input surveyed, with a bar of how far it is on standard error. What is cut off is kept.
 *
 * @throws SluiceError with the code that the pipeline answered; NETWORK if the answer breaks off
 */
export async function runSurvey<Report>(client: Client, path: string, request: object): Promise<Report> {
  const bar = createBar();
  try {
    for await (const { progress, report, error } of client.lines<SurveyLine>(path, request)) {
      if (error !== undefined) throw new SluiceError(error.code as ErrorCode, error.message);
      if (report !== undefined) return report as Report;
      if (progress !== undefined && progress !== null) bar.show(progress);
    }
  } finally {
    bar.end();
  }
  throw new SluiceError("NETWORK", `${client.where} broke off; what was done is kept: try again to go on`);
}

function createBar(): { show(progress: SurveyProgress): void; end(): void } {
  const isTerminal = process.stderr.isTTY;
  const began = performance.now();
  let spokenAt = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    show(progress) {
      const line = describeProgress(progress, performance.now() - began);
      if (isTerminal) {
        process.stderr.write(`\r\u001b[K${line}`);
        isOpen = true;
      } else if (performance.now() - spokenAt > SPOKEN_EVERY) {
        spokenAt = performance.now();
        hint(line);
      }
    },
    end() {
      if (isOpen) process.stderr.write("\n");
    },
  };
}

/** Such as `raw.orders  [######------------------]  25%  1,000 of 4,000 rows`. */
export function describeProgress({ location, done, total }: SurveyProgress, elapsed: number): string {
  const count = done.toLocaleString("en");
  if (total === null) return `${harmless(location)}  ${count} rows, ${Math.round(elapsed / 1_000)} s`;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(share * WIDTH);
  const bar = `${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}`;
  const rows = `${count} of ${done < total ? "about " : ""}${Math.max(total, done).toLocaleString("en")} rows`;
  return `${harmless(location)}  [${bar}]  ${Math.floor(share * 100)}%  ${rows}`;
}

export function countOf(count: number): string {
  return count.toLocaleString("en");
}

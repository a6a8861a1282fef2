import type { SurveyProgress } from "../engine/handles.ts";
import type { Client } from "./client.ts";
import { hint } from "./output.ts";
import { harmless } from "./text.ts";

const WIDTH = 24;
/** Milliseconds between lines where nobody sees a bar move. */
const SPOKEN_EVERY = 5_000;

/**
 * Has a pipeline do something long, with a bar of how far it is on standard error. What is cut off is kept.
 *
 * @param unit what is counted, such as `rows`
 * @throws SluiceError with the code that the pipeline answered; NETWORK if the answer breaks off
 */
export async function runSurvey<Report>(
  client: Client,
  path: string,
  request: object,
  unit = "rows",
): Promise<Report> {
  const bar = createBar(unit);
  try {
    return await client.work<Report, SurveyProgress>(path, request, { onProgress: (now) => bar.show(now) });
  } finally {
    bar.end();
  }
}

function createBar(unit: string): { show(progress: SurveyProgress): void; end(): void } {
  const isTerminal = process.stderr.isTTY;
  const began = performance.now();
  let spokenAt = Number.NEGATIVE_INFINITY;
  let isOpen = false;
  return {
    show(progress) {
      const line = describeProgress(progress, performance.now() - began, unit);
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
export function describeProgress(
  { location, done, total }: SurveyProgress,
  elapsed: number,
  unit = "rows",
): string {
  const count = done.toLocaleString("en");
  if (total === null) return `${harmless(location)}  ${count} ${unit}, ${Math.round(elapsed / 1_000)} s`;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(share * WIDTH);
  const bar = `${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}`;
  const counts = `${count} of ${done < total ? "about " : ""}${Math.max(total, done).toLocaleString("en")} ${unit}`;
  return `${harmless(location)}  [${bar}]  ${Math.floor(share * 100)}%  ${counts}`;
}

export function countOf(count: number): string {
  return count.toLocaleString("en");
}

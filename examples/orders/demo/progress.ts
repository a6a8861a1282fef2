import type { Stages } from "./stages.ts";

export interface Progress {
  say(text: string): void;
  show(stages: Stages): void;
  /** Shows the end, and leaves it there. */
  done(stages: Stages): void;
}

/** Least time between two lines where lines stay, in milliseconds. */
const INTERVAL = 2_000;

/** Tells how far everything is, on stderr: in a terminal by one line that changes, otherwise by a line now and then. */
export function createProgress(): Progress {
  const { stderr } = process;
  const began = Date.now();
  let shownAt = 0;
  const write = (text: string, stays: boolean): void => {
    const seconds = ((Date.now() - began) / 1_000).toFixed(1).padStart(5);
    const line = `${seconds} s  ${text}`;
    if (stderr.isTTY) stderr.write(`\r\x1b[K${line}${stays ? "\n" : ""}`);
    else stderr.write(`${line}\n`);
  };
  return {
    say: (line) => write(line, true),
    show(stages) {
      if (!stderr.isTTY && Date.now() - shownAt < INTERVAL) return;
      shownAt = Date.now();
      write(inWords(stages), false);
    },
    done: (stages) => write(inWords(stages), true),
  };
}

function inWords({ land, enrich, report }: Stages): string {
  return `landed ${land.succeeded} → enriched ${enrich.succeeded}, dead ${enrich.dead} → reported ${report.succeeded}`;
}

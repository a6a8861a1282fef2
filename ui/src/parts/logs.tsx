import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { parseAnsi } from "../ansi.ts";
import { get, segment } from "../api.ts";
import { formatClock } from "../format.ts";
import type { LogRow, Page } from "../types.ts";
import { Trouble } from "./basics.tsx";
import { useLoaded, useStream } from "./use.ts";

const PAGE_SIZE = 500;
/** So many lines are drawn; more are read on request. */
const MOST = 5_000;

interface Read {
  readonly lines: readonly LogRow[];
  /** Whether there are more. */
  readonly isCut: boolean;
}

const NONE: Read = { lines: [], isCut: false };

/** What a run logged, oldest first; goes on while it runs. */
export function Logs({ run, isLive, state }: { run: string; isLive: boolean; state: string }): VNode {
  const list = useRef<HTMLOListElement>(null);
  const { value: read = NONE, error, reload } = useLoaded((signal) => readLines(run, signal), [run, state]);
  useStream(["runs", "stats", "progress"], reload, isLive);
  useEffect(() => {
    const element = list.current;
    if (element === null || !isLive) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
    if (isAtEnd) element.scrollTop = element.scrollHeight;
  }, [read]);
  if (error !== undefined) return <Trouble error={error} />;
  if (read.lines.length === 0) return <p class="muted">{isLive ? "Nothing yet." : "Nothing was logged."}</p>;
  return (
    <>
      <ol class="log" ref={list} tabIndex={0} aria-label="Log lines">
        {read.lines.map((line, index) => (
          <li key={index} class={line.stream === "stderr" ? "stderr" : ""}>
            <time dateTime={line.time}>{formatClock(line.time)}</time>
            <span class="stream-name">
              {line.attempt} {line.stream}
            </span>
            <span class="text">
              {parseAnsi(line.text).map(({ text, tone }, part) =>
                tone === "" ? (
                  text
                ) : (
                  <span key={part} class={tone}>
                    {text}
                  </span>
                ),
              )}
            </span>
          </li>
        ))}
      </ol>
      {read.isCut && (
        <p class="muted">Only the first {read.lines.length} lines are shown; `sluice logs` prints all.</p>
      )}
    </>
  );
}

async function readLines(run: string, signal: AbortSignal): Promise<Read> {
  const path = `runs/${segment(run)}/logs`;
  const lines: LogRow[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<LogRow> = await get<Page<LogRow>>(path, { limit: PAGE_SIZE, cursor }, signal);
    lines.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && lines.length < MOST);
  return { lines, isCut: cursor !== undefined };
}

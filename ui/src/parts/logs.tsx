import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { parseAnsi } from "../ansi.ts";
import { get, segment } from "../api.ts";
import { formatClock } from "../format.ts";
import type { LogRow, Page } from "../types.ts";
import { Trouble } from "./basics.tsx";
import { useStream } from "./use.ts";

const PAGE_SIZE = 500;
/** So many lines are drawn; more are read on request. */
const MOST = 5_000;

interface Read {
  readonly lines: readonly LogRow[];
  readonly next: string | null;
}

/** What a run logged, oldest first; goes on while it runs. */
export function Logs({ run, isLive, state }: { run: string; isLive: boolean; state: string }): VNode {
  const [read, setRead] = useState<Read>({ lines: [], next: null });
  const [error, setError] = useState<unknown>(undefined);
  const list = useRef<HTMLOListElement>(null);
  const load = async (): Promise<void> => {
    try {
      let cursor: string | undefined;
      const lines: LogRow[] = [];
      do {
        const page: Page<LogRow> = await get<Page<LogRow>>(`/runs/${segment(run)}/logs`, {
          limit: PAGE_SIZE,
          cursor,
        });
        lines.push(...page.items);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && lines.length < MOST);
      setRead({ lines, next: cursor ?? null });
      setError(undefined);
    } catch (caught) {
      setError(caught);
    }
  };
  useEffect(() => void load(), [run, state]);
  useStream(["runs", "stats", "progress"], () => void load(), isLive);
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
      {read.next !== null && (
        <p class="muted">Only the first {read.lines.length} lines are shown; `sluice logs` prints all.</p>
      )}
    </>
  );
}

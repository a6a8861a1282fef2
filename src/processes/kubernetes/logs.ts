import { createLineReader, limitOutput, type Tail } from "../../child/lines.ts";
import { sleep } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { createMask } from "../../model/mask.ts";
import { ApiError, type Api } from "./api.ts";
import type { Options } from "./options.ts";

const LONGEST_LINE = 7_500;
/** An RFC 3339 time with nanoseconds, and a space. */
const STAMP = 40;
const MOST_FAILURES = 5;
const DELAY = 1_000;

export interface LogFollower {
  /** Resolves when there is no more output, or it cannot be read. */
  readonly ended: Promise<void>;
  stop(): void;
}

/**
 * Hands on a pod's output as it comes, from its beginning. A connection that breaks goes on after the last line that
 * came. Kubernetes keeps standard output and error in one log. What goes wrong with it costs the run nothing.
 *
 * @param goesOn whether the container still runs, so that more may come
 */
export function followLogs(
  api: Api,
  pod: { readonly name: string; readonly container: string },
  options: Options,
  tail: Tail,
  context: RunContext,
  goesOn: () => boolean,
): LogFollower {
  const stopping = new AbortController();
  const mask = createMask(Object.values(options.env));
  const limits = { lines: options.maxLines, characters: options.maxCharacters };
  const log = limitOutput(limits, (line) => context.log(line, "stdout"));
  /** The time of the last line, as the node wrote it. */
  let last = "";

  function take(stamped: string): void {
    const space = stamped.indexOf(" ");
    const time = stamped.slice(0, space);
    // Reading goes on at a second's beginning: what of it came before is left out.
    if (stopping.signal.aborted || (space > 0 && time <= last)) return;
    if (space > 0) last = time;
    const line = mask(stamped.slice(space + 1));
    tail.push(line);
    log(line);
  }

  async function readOnce(): Promise<void> {
    const path = `/api/v1/namespaces/${encodeURIComponent(api.namespace)}/pods/${pod.name}/log`;
    const query = {
      container: pod.container,
      follow: "true",
      timestamps: "true",
      ...(last !== "" && { sinceTime: last }),
    };
    const request = { verb: "get", resource: "pods/log", method: "GET", path, query } as const;
    const answer = await api.stream(request, stopping.signal);
    const reader = createLineReader(LONGEST_LINE + STAMP, take);
    for await (const chunk of answer) reader.push(chunk as Buffer);
    reader.end();
  }

  async function run(): Promise<void> {
    let failures = 0;
    for (;;) {
      try {
        await readOnce();
        failures = 0;
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        // A pod that is gone, and a right that is missing, are so the next time, too.
        const isFinal = error instanceof ApiError && (error.status === 404 || error.status === 403);
        if (isFinal || failures >= MOST_FAILURES || !goesOn()) {
          return context.log(`the pod's output could not be read: ${(error as Error).message}`);
        }
      }
      await sleep(context.clock, DELAY, stopping.signal);
      if (stopping.signal.aborted || (failures === 0 && !goesOn())) return;
    }
  }

  return { ended: run(), stop: () => stopping.abort() };
}

import { limitOutput, type Tail } from "../../child/lines.ts";
import { JobOutput, LARGEST_OUTPUT, tellProgress } from "../../child/output.ts";
import type { RunContext } from "../../model/component.ts";
import type { Redact } from "../../model/mask.ts";
import { printable } from "../../model/printable.ts";
import type { Api } from "./api.ts";
import { followLog, readToEnd, type LogFollower } from "./logs.ts";
import type { Options } from "./options.ts";
import { PodLog, type LogLine, type LogPlace } from "./pod-log.ts";

const LONGEST_LINE = 7_500;
/** Bytes of a line that are looked at for the log: more than are shown, so that no secret is cut in two there. */
const LOOKED_AT = 8 * LONGEST_LINE;
const OBJECT = "{".charCodeAt(0);
const SPACE = " ".charCodeAt(0);
const LINE_FEED = Buffer.from("\n");

/** What the container of one pod writes. */
export interface PodOutput {
  /** Hands its lines on as they come. */
  readonly follower: LogFollower;
  /** Reads what is left of it, once the container has ended. @throws ApiError, LogGap, any other error */
  readToEnd(): Promise<void>;
  /** Emits its events. @throws PermanentError INVALID_EVENT */
  emit(): void;
}

export interface PodOutputOptions extends LogPlace {
  readonly api: Api;
  readonly options: Pick<Options, "output" | "maxLines" | "maxCharacters">;
  readonly context: RunContext;
  readonly mask: Redact;
  readonly tail: Tail;
  /** Whether the container still runs, so that more may come. */
  readonly goesOn: () => boolean;
  /** Told when the first line was written, on each reading from the beginning. @throws LogGap if it was not the first */
  readonly began: (time: string) => void;
}

/**
 * Hands on the output of a pod. Kubernetes keeps standard output and error in one log. Where it has events, they are the
 * lines that are JSON objects; whatever else there is goes to the run's log.
 */
export function readPod(about: PodOutputOptions): PodOutput {
  const { api, options, context, mask, tail, goesOn } = about;
  const { clock, signal } = context;
  const hasEvents = options.output !== "none";
  const limits = { lines: options.maxLines, characters: options.maxCharacters };
  const log = limitOutput(limits, (line) => context.log(line, "stdout"));
  const events = new JobOutput({ where: "its output", onProgress: tellProgress(context, mask) });
  let isFirst = true;

  function say({ bytes, cut }: LogLine): void {
    const whole = mask(printable(bytes.toString("utf8", 0, LOOKED_AT).replace(/\r$/, "")));
    const more = Math.max(0, whole.length - LONGEST_LINE) + Math.max(0, bytes.length - LOOKED_AT) + cut;
    const line = whole.slice(0, LONGEST_LINE) + (more === 0 ? "" : `… (${more} more characters)`);
    tail.push(line);
    log(line);
  }

  const podLog = new PodLog(
    api,
    about,
    { longest: hasEvents ? LARGEST_OUTPUT : LONGEST_LINE, isExact: hasEvents },
    {
      line(line) {
        if (isFirst && hasEvents) about.began(line.time);
        isFirst = false;
        if (hasEvents && isObject(line.bytes)) {
          events.push(line.bytes);
          events.push(LINE_FEED);
        } else {
          events.skip();
          say(line);
        }
      },
      gap(gap) {
        if (hasEvents) throw gap;
        context.log(`some of the pod's output is missing here: ${gap.message}`);
      },
    },
  );

  return {
    follower: followLog(podLog, {
      clock,
      goesOn,
      failed(error) {
        // Events are read again at the end, and it is told then.
        if (!hasEvents) context.log(`the pod's output could not be read: ${error.message}`);
      },
    }),
    readToEnd: () => readToEnd(podLog, clock, signal),
    emit: () => events.emit(context),
  };
}

function isObject(line: Buffer): boolean {
  return line[line.findIndex((byte) => byte !== SPACE)] === OBJECT;
}

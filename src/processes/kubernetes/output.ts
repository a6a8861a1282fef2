import { createTail } from "../../child/lines.ts";
import { waitAtMost } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import type { Api } from "./api.ts";
import { followLogs, type LogFollower } from "./logs.ts";
import type { Pod } from "./objects.ts";
import type { Options } from "./options.ts";
import { hasOutput, isRunning } from "./verdict.ts";

/** Last lines of its output that an error tells. */
const TAIL = 5;
/** Milliseconds to read what is left of the output once the container ended. */
const DRAIN = 5_000;

/** What a run's container writes, from the moment that there is something. */
export interface Output {
  /** Its last lines, masked; they change while it is read. */
  readonly tail: readonly string[];
  /** Follows it, if the container has begun by now. */
  begin(): void;
  /** Once the container ended: reads what is left, but not for long. */
  drain(): Promise<void>;
  stop(): void;
}

/** @param main what the container is called */
export function createOutput(
  api: Api,
  main: string,
  options: Options,
  context: RunContext,
  podNow: () => Pod | undefined,
): Output {
  const tail = createTail(TAIL);
  let follower: LogFollower | undefined;
  return {
    tail: tail.lines,
    begin() {
      const pod = podNow();
      if (follower !== undefined || pod === undefined || !hasOutput(pod, main)) return;
      const place = { name: pod.metadata.name, container: main };
      follower = followLogs(api, place, options, tail, context, () => isRunning(podNow(), main));
    },
    async drain() {
      if (follower === undefined) return;
      await waitAtMost(context.clock, DRAIN, follower.ended, context.signal);
      follower.stop();
    },
    stop: () => follower?.stop(),
  };
}

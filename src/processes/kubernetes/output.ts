import { createTail } from "../../child/lines.ts";
import { waitAtMost } from "../../model/clock.ts";
import { isPermanentError, isSluiceError, SluiceError } from "../../model/errors.ts";
import { ApiError } from "./api.ts";
import type { Following } from "./following.ts";
import { LOG_BEGINNING } from "./job.ts";
import type { Job, Pod } from "./objects.ts";
import { LogGap } from "./pod-log.ts";
import { readPod, type PodOutput } from "./pod-output.ts";
import { hasOutput, interruption, isRunning, type Circumstances } from "./verdict.ts";

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
  /**
   * Once the Job succeeded: reads all of it and emits its events, if it was asked for any.
   *
   * @returns why the events of this Job cannot be had, now or later
   * @throws ApiError, Postponed if it cannot be read for now
   */
  emit(): Promise<Error | undefined>;
  stop(): void;
}

export function createOutput(
  { api, store, options, context, view }: Following,
  job: Job,
  { main, mask, image }: Omit<Circumstances, "tail">,
): Output {
  const { clock, signal } = context;
  const tail = createTail(TAIL);
  let current: { readonly pod: string; readonly output: PodOutput } | undefined;

  function read({ metadata: { name, uid } }: Pod): PodOutput {
    current?.output.follower.stop();
    const output = readPod({
      api,
      pod: name,
      container: main,
      options,
      context,
      mask,
      tail,
      goesOn: () => isRunning(view.pod, main),
      began: (time) => checkBeginning(`${uid} ${time}`),
    });
    current = { pod: uid, output };
    return output;
  }

  /** Whoever finds the Job again reads its log from the beginning, of which the node may have let go meanwhile. */
  function checkBeginning(begins: string): void {
    const known = job.metadata.annotations?.[LOG_BEGINNING];
    if (known === undefined) void store.note(job, LOG_BEGINNING, begins);
    else if (known !== begins) throw new LogGap("the node keeps no more how it began");
  }

  async function drain(): Promise<void> {
    if (current === undefined) return;
    const { follower } = current.output;
    await waitAtMost(clock, DRAIN, follower.ended, signal);
    follower.stop();
  }

  async function readEvents(): Promise<void> {
    const pod = await store.succeededPod(job);
    if (pod === undefined) throw new PodGone();
    const output = current?.pod === pod.metadata.uid ? current.output : read(pod);
    output.follower.stop();
    await output.follower.ended;
    await output.readToEnd();
    output.emit();
  }

  return {
    tail: tail.lines,
    begin() {
      const { pod } = view;
      if (pod !== undefined && pod.metadata.uid !== current?.pod && hasOutput(pod, main)) read(pod);
    },
    drain,
    async emit() {
      await drain();
      if (options.output === "none") return undefined;
      try {
        await readEvents();
        return undefined;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (isPermanentError(error)) return error;
        const what = `the events of ${image}, which succeeded,`;
        if (error instanceof PodGone || (error instanceof ApiError && error.status === 404)) {
          return interruption("OUTPUT_LOST", `${what} are lost: its pod, or its node, is gone`, options);
        }
        const { message } = error as Error;
        if (error instanceof LogGap) {
          return new SluiceError("OUTPUT_LOST", `${what} may not be all there: ${message}`, { cause: error });
        }
        if (isSluiceError(error) || (error instanceof ApiError && error.status === 403)) throw error;
        throw interruption("SOURCE_UNAVAILABLE", `${what} cannot be read for now: ${message}`, options);
      }
    },
    stop: () => current?.output.follower.stop(),
  };
}

class PodGone extends Error {}

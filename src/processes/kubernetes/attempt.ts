import { createTail } from "../../child/lines.ts";
import { sleep, untilAborted, waitAtMost } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { createMask } from "../../model/mask.ts";
import type { Api } from "./api.ts";
import type { ClusterView, JobView } from "./cluster-view.ts";
import { toRunError } from "./errors.ts";
import { checkEventSize, processLabels, type Identity } from "./job.ts";
import { createJobStore, type JobStore } from "./job-store.ts";
import { followLogs, type LogFollower } from "./logs.ts";
import type { Job } from "./objects.ts";
import type { Options } from "./options.ts";
import { mainContainer, MAIN, type Template } from "./template.ts";
import { hasOutput, interruption, judge, type Circumstances } from "./verdict.ts";

/** Last lines of its output that an error tells. */
const TAIL = 5;
/** Milliseconds to read what is left of the output once the container ended. */
const DRAIN = 5_000;
/** Milliseconds beyond its grace time that a pod is waited for when its Job was deleted. */
const MARGIN = 10_000;

export interface AttemptWorld {
  readonly api: Api;
  readonly view: ClusterView;
  readonly template: Template;
}

/** One attempt: finds the run's Job or makes one, follows it to its end, and judges that. */
export async function runJob(
  { api, view, template }: AttemptWorld,
  identity: Identity,
  options: Options,
  event: Event,
  context: RunContext,
): Promise<void> {
  const text = formatEvent(event);
  checkEventSize(text);
  try {
    // First of all, so that a right which is missing is told before there is a Job.
    const open = await view.open(api, context.clock, processLabels(identity));
    try {
      context.signal.throwIfAborted();
      const store = createJobStore(api, identity, options, template);
      const job = await store.findOrCreate(text, context);
      const jobView = open.of(job, (error) => tellTrouble(error, context));
      try {
        await followToEnd({ api, store, options, template, context, view: jobView }, job);
      } finally {
        jobView.close();
      }
    } finally {
      open.close();
    }
  } catch (error) {
    throw toRunError(error, api, createMask(Object.values(options.env)));
  }
}

function tellTrouble(error: Error | undefined, { log }: RunContext): void {
  log(
    error === undefined ? "the Job is in sight again" : `the Job is out of sight for now: ${error.message}`,
  );
}

interface Following {
  readonly api: Api;
  readonly store: JobStore;
  readonly options: Options;
  readonly template: Template;
  readonly context: RunContext;
  readonly view: JobView;
}

async function followToEnd(following: Following, job: Job): Promise<void> {
  const { api, store, options, template, context, view } = following;
  const { signal, clock } = context;
  const tail = createTail(TAIL);
  const mask = createMask(Object.values(options.env));
  const about = { ...circumstances(options, template), tail: tail.lines, mask };
  const mustStartBy = clock.monotonic() + parseDuration(options.startTimeout);
  let output: LogFollower | undefined;
  let told: string | undefined;
  const aborted = untilAborted(signal);
  try {
    for (;;) {
      if (signal.aborted) {
        await store.end(job, isSluiceError(signal.reason, "SHUTDOWN") ? 0 : patience(options), context);
        throw signal.reason;
      }
      const change = view.changed();
      const current = view.job ?? (await store.reread(job));
      if (current === undefined || current.metadata.deletionTimestamp !== undefined) {
        await store.end(job, patience(options), context);
        throw new SluiceError("JOB_LOST", `the Job ${job.metadata.name} was deleted by somebody else`);
      }
      const { pod } = view;
      if (output === undefined && pod !== undefined && hasOutput(pod, about.main)) {
        const place = { name: pod.metadata.name, container: about.main };
        output = followLogs(api, place, options, tail, context, () => goesOn(view));
      }
      const verdict = judge(current, pod, about);
      if (verdict.state === "succeeded" || verdict.state === "failed") {
        if (output !== undefined) await waitAtMost(clock, DRAIN, output.ended, signal);
        output?.stop();
        if (verdict.state === "succeeded") return await store.release(job, context);
        await store.judged(job);
        // Anew: the tail is whole only now.
        const last = judge(current, pod, about);
        throw last.state === "failed" ? last.error : verdict.error;
      }
      if (verdict.state === "running") {
        await Promise.race([change, aborted]);
        continue;
      }
      if (verdict.why !== undefined && verdict.why !== told)
        context.log(`the pod waits: ${mask(verdict.why)}`);
      told = verdict.why ?? told;
      if (verdict.final !== undefined) {
        await store.end(job, patience(options), context);
        throw verdict.final;
      }
      const left = mustStartBy - clock.monotonic();
      if (left <= 0) {
        const why = verdict.why ?? (await store.explainSilence(job, pod));
        await store.end(job, patience(options), context);
        const message = `the pod of ${about.image} did not start within ${String(options.startTimeout)}: ${mask(why)}`;
        throw interruption("UNSCHEDULABLE", message, options);
      }
      const over = new AbortController();
      await Promise.race([change, aborted, sleep(clock, left, over.signal)]);
      over.abort();
    }
  } finally {
    output?.stop();
  }

  function goesOn({ pod }: JobView): boolean {
    const state = pod?.status?.containerStatuses?.find(({ name }) => name === about.main)?.state;
    return state?.running !== undefined;
  }
}

function patience({ killAfter }: Options): number {
  return parseDuration(killAfter) + MARGIN;
}

function circumstances(options: Options, template: Template): Omit<Circumstances, "tail" | "mask"> {
  const own = mainContainer(template.spec);
  return {
    ...options,
    main: typeof own["name"] === "string" ? own["name"] : MAIN,
    image: options.image ?? String(own["image"]),
  };
}

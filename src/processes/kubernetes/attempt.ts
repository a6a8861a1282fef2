import { untilAborted, waitAtMost } from "../../model/clock.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import { formatEvent, type Event } from "../../model/event.ts";
import { createMask } from "../../model/mask.ts";
import type { Api } from "./api.ts";
import type { ClusterView } from "./cluster-view.ts";
import { toRunError } from "./errors.ts";
import { checkEventSize, processLabels, type Identity } from "./job.ts";
import type { Following } from "./following.ts";
import { createJobStore } from "./job-store.ts";
import type { Job } from "./objects.ts";
import type { Options } from "./options.ts";
import { createOutput } from "./output.ts";
import { watchSilence } from "./silence.ts";
import { mainContainer, MAIN, type Template } from "./template.ts";
import { interruption, judge, type Circumstances, type Verdict } from "./verdict.ts";

/** Milliseconds beyond its grace time that a pod is waited for when its Job was deleted. */
const MARGIN = 10_000;
/** Longest time between two looks at a Job, whether or not a change was told. */
const LOOK = 5 * 60_000;

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

async function followToEnd(following: Following, job: Job): Promise<void> {
  const { store, options, template, context, view } = following;
  const { clock, signal } = context;
  const own = circumstances(options, template);
  const output = createOutput(following, job, own);
  const about = { ...own, tail: output.tail };
  const aborted = untilAborted(signal);
  const silence = watchSilence(view, clock, options);
  const start = createStartWatch(following, job, about);
  try {
    for (;;) {
      if (signal.aborted) {
        await store.end(job, isSluiceError(signal.reason, "SHUTDOWN") ? 0 : patience(options), context);
        throw signal.reason;
      }
      const change = Promise.race([view.changed(), aborted]);
      const isSilent = (silence.left() ?? LOOK) <= 0;
      // What is to be ended is looked at once more: what was seen may be old.
      const current = (isSilent ? undefined : view.job) ?? (await store.reread(job));
      if (current === undefined || current.metadata.deletionTimestamp !== undefined) {
        await store.end(job, patience(options), context);
        throw new SluiceError("JOB_LOST", `the Job ${job.metadata.name} was deleted by somebody else`);
      }
      const { pod } = view;
      output.begin();
      const verdict = judge(current, pod, about);
      switch (verdict.state) {
        case "succeeded": {
          const useless = await output.emit();
          if (useless === undefined) return await store.release(job, context);
          await store.judged(job);
          throw useless;
        }
        case "failed": {
          await output.drain();
          await store.judged(job);
          // Anew: the tail is whole only now.
          const last = judge(current, pod, about);
          throw last.state === "failed" ? last.error : verdict.error;
        }
        default: {
          if (isSilent) {
            const error = silence.error();
            await store.end(job, patience(options), context);
            throw error;
          }
          const startLeft = verdict.state === "pending" ? await start(verdict) : LOOK;
          await waitAtMost(clock, Math.min(startLeft, silence.left() ?? LOOK, LOOK), change);
        }
      }
    }
  } finally {
    output.stop();
  }
}

/** Tells why a pod waits, and how long it may do so; for good, or for too long, is the attempt's end. */
function createStartWatch(
  { store, options, context, view }: Following,
  job: Job,
  { image, mask }: Pick<Circumstances, "image" | "mask">,
): (verdict: Verdict & { readonly state: "pending" }) => Promise<number> {
  const { clock } = context;
  const mustStartBy = clock.monotonic() + parseDuration(options.startTimeout);
  let told: string | undefined;
  return async ({ why, final }) => {
    if (why !== undefined && why !== told) context.log(`the pod waits: ${mask(why)}`);
    told = why ?? told;
    if (final !== undefined) {
      await store.end(job, patience(options), context);
      throw final;
    }
    const left = mustStartBy - clock.monotonic();
    if (left > 0) return left;
    const reason = mask(why ?? (await store.explainSilence(job, view.pod)));
    await store.end(job, patience(options), context);
    const message = `the pod of ${image} did not start within ${String(options.startTimeout)}: ${reason}`;
    throw interruption("UNSCHEDULABLE", message, options);
  };
}

function patience({ killAfter }: Options): number {
  return parseDuration(killAfter) + MARGIN;
}

function circumstances(options: Options, template: Template): Omit<Circumstances, "tail"> {
  const own = mainContainer(template.spec);
  return {
    permanentExitCodes: options.permanentExitCodes,
    interruptions: options.interruptions,
    main: typeof own["name"] === "string" ? own["name"] : MAIN,
    image: options.image ?? String(own["image"]),
    mask: createMask(Object.values(options.env)),
  };
}

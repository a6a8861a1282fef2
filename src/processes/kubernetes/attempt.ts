import { sleep, untilAborted } from "../../model/clock.ts";
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
import type { Job } from "./objects.ts";
import type { Options } from "./options.ts";
import { createOutput } from "./output.ts";
import { mainContainer, MAIN, type Template } from "./template.ts";
import { interruption, judge, type Circumstances, type Verdict } from "./verdict.ts";

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
  const { signal } = context;
  const own = circumstances(options, template);
  const output = createOutput(api, own.main, options, context, () => view.pod);
  const about = { ...own, tail: output.tail };
  const aborted = untilAborted(signal);
  const waitForStart = createStartWait(following, job, about);
  try {
    for (;;) {
      if (signal.aborted) {
        await store.end(job, isSluiceError(signal.reason, "SHUTDOWN") ? 0 : patience(options), context);
        throw signal.reason;
      }
      const change = Promise.race([view.changed(), aborted]);
      const current = view.job ?? (await store.reread(job));
      if (current === undefined || current.metadata.deletionTimestamp !== undefined) {
        await store.end(job, patience(options), context);
        throw new SluiceError("JOB_LOST", `the Job ${job.metadata.name} was deleted by somebody else`);
      }
      const { pod } = view;
      output.begin();
      const verdict = judge(current, pod, about);
      switch (verdict.state) {
        case "succeeded":
          await output.drain();
          return await store.release(job, context);
        case "failed": {
          await output.drain();
          await store.judged(job);
          // Anew: the tail is whole only now.
          const last = judge(current, pod, about);
          throw last.state === "failed" ? last.error : verdict.error;
        }
        case "running":
          await change;
          break;
        case "pending":
          await waitForStart(verdict, change);
      }
    }
  } finally {
    output.stop();
  }
}

type StartWait = (
  verdict: Verdict & { readonly state: "pending" },
  change: Promise<unknown>,
) => Promise<void>;

/** Waits until something changes, and tells why the pod waits: for good, or for too long, is the attempt's end. */
function createStartWait(
  { store, options, context, view }: Following,
  job: Job,
  { image, mask }: Pick<Circumstances, "image" | "mask">,
): StartWait {
  const { clock } = context;
  const mustStartBy = clock.monotonic() + parseDuration(options.startTimeout);
  let told: string | undefined;
  return async ({ why, final }, change) => {
    if (why !== undefined && why !== told) context.log(`the pod waits: ${mask(why)}`);
    told = why ?? told;
    if (final !== undefined) {
      await store.end(job, patience(options), context);
      throw final;
    }
    const left = mustStartBy - clock.monotonic();
    if (left <= 0) {
      const reason = mask(why ?? (await store.explainSilence(job, view.pod)));
      await store.end(job, patience(options), context);
      const message = `the pod of ${image} did not start within ${String(options.startTimeout)}: ${reason}`;
      throw interruption("UNSCHEDULABLE", message, options);
    }
    const over = new AbortController();
    await Promise.race([change, sleep(clock, left, over.signal)]);
    over.abort();
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

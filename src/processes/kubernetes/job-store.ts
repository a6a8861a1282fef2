import { sleep } from "../../model/clock.ts";
import { EPHEMERAL_JOURNAL, type RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { Postponed } from "../../model/errors.ts";
import { ApiError, type Api, type ApiRequest, type Verb } from "./api.ts";
import { buildEventMap, buildJob, jobName, jobNumber, JUDGED, runHash, type Identity } from "./job.ts";
import { condition, ownerOf, type Job, type List, type Pod } from "./objects.ts";
import type { Options } from "./options.ts";
import type { Template } from "./template.ts";

/** Seconds that a Job which succeeded is left: for an engine that dies before it has noted the success. */
const RELEASED = 300;
/** How long a Job that is being deleted is waited for before the run is put off. */
const GONE_PATIENCE = 30_000;
const LOOK_AGAIN = 500;

/** The Jobs of one run. */
export interface JobStore {
  /** The Job that was not judged yet, left by an owner that died or by an attempt that lost the server; else a new one. */
  findOrCreate(event: string, context: RunContext): Promise<Job>;
  /** As it is now; `undefined` if it is gone. */
  reread(job: Job): Promise<Job | undefined>;
  /** Notes that its failure was told: the next attempt gets a new Job, and this one is kept for a look at it. */
  judged(job: Job): Promise<void>;
  /** It succeeded: it is left for a while. */
  release(job: Job, context: RunContext): Promise<void>;
  /** Deletes it, and waits until its pod is gone, but no longer than `patience` milliseconds. */
  end(job: Job, patience: number, context: RunContext): Promise<void>;
  /** Its pod that succeeded; `undefined` if that is gone. */
  succeededPod(job: Job): Promise<Pod | undefined>;
  /** Notes something about it for whoever finds it again, if that can be done. */
  note(job: Job, key: string, value: string): Promise<void>;
  /** What the cluster's events say of a Job, or a pod, that says nothing itself. */
  explainSilence(job: Job, pod: Pod | undefined): Promise<string>;
}

function ofJobs<V extends Verb["verb"]>(
  verb: V,
  method: ApiRequest["method"],
): { readonly verb: V; readonly resource: "jobs"; readonly method: ApiRequest["method"] } {
  return { verb, resource: "jobs", method };
}

export function createJobStore(api: Api, identity: Identity, options: Options, template: Template): JobStore {
  const namespace = encodeURIComponent(api.namespace);
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const ofRun = { labelSelector: `sluice.run=${runHash(identity)}` };
  const at = (job: Job): string => `${jobs}/${job.metadata.name}`;

  function list(): Promise<List<Job>> {
    return api.call<List<Job>>({ ...ofJobs("list", "GET"), path: jobs, query: ofRun });
  }

  async function reread(job: Job): Promise<Job | undefined> {
    const found = await unlessStatus(404, api.call<Job>({ ...ofJobs("get", "GET"), path: at(job) }));
    return found?.metadata.uid === job.metadata.uid ? found : undefined;
  }

  async function create(event: string, n: number, { deadline, clock }: RunContext): Promise<Job | undefined> {
    const timeLeft = deadline === undefined ? undefined : deadline - clock.now();
    const body = buildJob(identity, options, template, {
      name: jobName(runHash(identity), n),
      event,
      timeLeft,
    });
    const query = { fieldManager: "sluice", fieldValidation: "Strict" };
    return unlessStatus(409, api.call<Job>({ ...ofJobs("create", "POST"), path: jobs, query, body }));
  }

  /** Its pod waits for it. */
  async function giveEvent(event: string, job: Job): Promise<void> {
    const body = buildEventMap(event, job.metadata);
    if (body === undefined) return;
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    await unlessStatus(409, api.call({ verb: "create", resource: "configmaps", method: "POST", path, body }));
  }

  async function untilGone(
    job: Job,
    patience: number,
    { clock, signal }: RunContext,
    heedsAbort: boolean,
  ): Promise<boolean> {
    const until = clock.monotonic() + patience;
    for (;;) {
      if ((await reread(job)) === undefined) return true;
      if (clock.monotonic() >= until) return false;
      await sleep(clock, LOOK_AGAIN, heedsAbort ? signal : undefined);
      if (heedsAbort) signal.throwIfAborted();
    }
  }

  async function patch(job: Job, body: object): Promise<void> {
    await unlessStatus(404, api.call({ ...ofJobs("patch", "PATCH"), path: at(job), body }));
  }

  return {
    reread,

    async findOrCreate(event, context) {
      for (;;) {
        context.signal.throwIfAborted();
        const found = (await list()).items;
        const open = found.filter(({ metadata }) => metadata.labels?.[JUDGED] === undefined);
        const going = open.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
        if (going !== undefined) {
          // Its pod may still work: two at a time would be one too many.
          if (await untilGone(going, GONE_PATIENCE, context, true)) continue;
          const message = `the Job ${going.metadata.name} of an earlier attempt is still being deleted: its pod has not ended, or its node is lost`;
          throw new Postponed(message, { delay: GONE_PATIENCE, limit: 1000, code: "NODE_LOST" });
        }
        const [adopted] = open;
        if (adopted !== undefined) {
          context.log(`found the Job ${adopted.metadata.name} of this run again (${stateOf(adopted)})`);
          await giveEvent(event, adopted);
          return adopted;
        }
        const last = Math.max(0, ...found.map(({ metadata }) => jobNumber(metadata.name)));
        const created = await create(event, last + 1, context);
        // Somebody was faster, such as an owner of the journal that does not know yet that it is none: its Job is ours.
        if (created === undefined) continue;
        await giveEvent(event, created);
        return created;
      }
    },

    judged: (job) =>
      patch(job, {
        metadata: { labels: { [JUDGED]: "failed" } },
        spec: { ttlSecondsAfterFinished: Math.ceil(parseDuration(options.keep) / 1000) },
      }),

    async release(job, { log }) {
      const keep = identity.journal === EPHEMERAL_JOURNAL ? 0 : RELEASED;
      await patch(job, { spec: { ttlSecondsAfterFinished: keep } }).catch((error: unknown) => {
        log(`the Job ${job.metadata.name} stays for a week: ${(error as Error).message}`);
      });
    },

    async end(job, patience, context) {
      const { clock, log } = context;
      const until = clock.monotonic() + patience;
      const body = { propagationPolicy: "Foreground", preconditions: { uid: job.metadata.uid } };
      for (;;) {
        try {
          const gone = unlessStatus(
            409,
            unlessStatus(404, api.call({ ...ofJobs("delete", "DELETE"), path: at(job), body })),
          );
          await gone;
          const left = until - clock.monotonic();
          if (left <= 0 || (await untilGone(job, left, context, false))) return;
          return log(`the Job ${job.metadata.name} is deleted, but its pod has not ended yet`);
        } catch (error) {
          if (clock.monotonic() >= until) {
            return log(`the Job ${job.metadata.name} could not be deleted: ${(error as Error).message}`);
          }
          await sleep(clock, LOOK_AGAIN);
        }
      }
    },

    async succeededPod({ metadata }) {
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const request = { verb: "list", resource: "pods", method: "GET", path, query: ofRun } as const;
      const { items } = await api.call<List<Pod>>(request);
      return items.find((pod) => ownerOf(pod) === metadata.uid && pod.status?.phase === "Succeeded");
    },

    note: (job, key, value) =>
      patch(job, { metadata: { annotations: { [key]: value } } }).catch(() => undefined),

    async explainSilence(job, pod) {
      const { name, uid } = (pod ?? job).metadata;
      const path = `/api/v1/namespaces/${namespace}/events`;
      const query = { fieldSelector: `involvedObject.uid=${uid},type=Warning` };
      const what = pod === undefined ? "no pod was made for the Job" : `the pod ${name} waits`;
      try {
        const request = { verb: "list", resource: "events", method: "GET", path, query } as const;
        const { items } = await api.call<{ items: readonly { reason?: string; message?: string }[] }>(
          request,
        );
        const { reason, message } = items.at(-1) ?? {};
        return reason === undefined ? what : `${what}: ${reason}: ${message ?? ""}`;
      } catch {
        // A role need not let us read events.
        return what;
      }
    },
  };
}

function stateOf({ status }: Job): string {
  if (condition(status, "Complete") !== undefined) return "complete";
  return condition(status, "Failed") === undefined ? "active" : "failed";
}

/** As `work`, but `undefined` where the API server answers with a status that is one answer of several. */
async function unlessStatus<T>(status: number, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ApiError && error.status === status) return undefined;
    throw error;
  }
}

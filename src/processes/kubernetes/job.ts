import { createHash } from "node:crypto";
import { eventEnvironment, fitsEnvironment, type JobIdentity } from "../../child/event-environment.ts";
import { EPHEMERAL_JOURNAL } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { PermanentError } from "../../model/errors.ts";
import type { Options } from "./options.ts";
import { buildPodSpec } from "./pod.ts";
import type { Template } from "./template.ts";

/** Seconds that a Job which ended may wait for its run, which may itself be waiting or gone. */
const UNCLAIMED = 7 * 24 * 3_600;
/** What a ConfigMap may hold (`MaxSecretSize` of the Kubernetes API), less its key. */
const LARGEST_EVENT = 1024 * 1024 - 100;

/** Marks a Job whose end was told to its run: its next attempt is another Job. */
export const JUDGED = "sluice.judged";
/** Marks a Job, whose events are in its log, by the pod and the time of that log's first line. */
export const LOG_BEGINNING = "sluice.log-beginning";
export const EVENT_ANNOTATION = "sluice.event-json";

/** Whose Job it is, and for which attempt of which run. */
export interface Identity extends JobIdentity {
  readonly pipeline: string;
  readonly journal: string;
  readonly process: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The one name of a run, by which its Jobs are found again after a crash. */
export function runHash({ journal, run }: Pick<Identity, "journal" | "run">): string {
  return createHash("sha256").update(`${journal}\n${run}`).digest("hex").slice(0, 32);
}

/** The n-th Job of a run has one name: the API server refuses a second one of it. */
export function jobName(hash: string, n: number): string {
  return n === 1 ? `sluice-${hash}` : `sluice-${hash}-${n}`;
}

/** Which Job of its run it is, by its name. */
export function jobNumber(name: string): number {
  return Number(/^sluice-[0-9a-f]{32}-(\d+)$/.exec(name)?.[1] ?? 1);
}

/** What the Jobs, and their pods, of one process have in common. */
export function processLabels({
  journal,
  process,
}: Pick<Identity, "journal" | "process">): Record<string, string> {
  return { "sluice.journal": toLabel(journal), "sluice.process": toLabel(process) };
}

export function toSelector(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** What is asked for (`POST /apis/batch/v1/namespaces/{namespace}/jobs`). */
export function buildJob(
  identity: Identity,
  options: Options,
  template: Template,
  given: { readonly name: string; readonly event: string; readonly timeLeft: number | undefined },
): object {
  const { event, name, timeLeft } = given;
  const isSmall = fitsEnvironment(event);
  const marks = markAs(identity);
  const environment = eventEnvironment(identity, options.env, event);
  const source = isSmall
    ? {
        downwardAPI: {
          items: [
            { path: "event.json", fieldRef: { fieldPath: `metadata.annotations['${EVENT_ANNOTATION}']` } },
          ],
        },
      }
    : { configMap: { name, items: [{ key: "event.json", path: "event.json" }] } };
  const { pod, main } = buildPodSpec(options, template.spec, { environment, eventSource: source });
  const keep = Math.ceil(parseDuration(options.keep) / 1000);
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      labels: { ...template.labels, ...marks.labels },
      annotations: { ...template.annotations, ...marks.annotations },
    },
    spec: {
      // sluice tries again, not the Job.
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      ttlSecondsAfterFinished: identity.journal === EPHEMERAL_JOURNAL ? keep : UNCLAIMED,
      ...(timeLeft !== undefined && { activeDeadlineSeconds: Math.max(1, Math.ceil(timeLeft / 1000)) }),
      // By these rules the Job itself says why it failed, even once its pod is gone.
      podFailurePolicy: {
        rules: [
          { action: "FailJob", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
          { action: "FailJob", onExitCodes: { containerName: main, operator: "NotIn", values: [0] } },
        ],
      },
      template: {
        metadata: {
          labels: { ...template.podLabels, ...marks.labels },
          annotations: {
            ...template.podAnnotations,
            ...marks.annotations,
            ...(isSmall && { [EVENT_ANNOTATION]: event }),
          },
        },
        spec: pod,
      },
    },
  };
}

/**
 * The ConfigMap of an event that is no small one, deleted together with its Job; `undefined` for a small one.
 *
 * @throws PermanentError PAYLOAD_TOO_LARGE
 */
export function buildEventMap(
  event: string,
  job: { readonly name: string; readonly uid: string },
): object | undefined {
  if (fitsEnvironment(event)) return undefined;
  checkEventSize(event);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: job.name,
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: job.name, uid: job.uid }],
    },
    immutable: true,
    data: { "event.json": event },
  };
}

/** @throws PermanentError PAYLOAD_TOO_LARGE */
export function checkEventSize(event: string): void {
  const size = Buffer.byteLength(event);
  if (size <= LARGEST_EVENT) return;
  throw new PermanentError(
    `the event has ${size} bytes; Kubernetes holds ${LARGEST_EVENT} at most: keep what is larger in a store, and let the event name it`,
    { code: "PAYLOAD_TOO_LARGE" },
  );
}

function markAs(identity: Identity): {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
} {
  const { pipeline, process, run, attempt, fence } = identity;
  const own = Object.entries(identity.labels);
  return {
    labels: {
      "app.kubernetes.io/managed-by": "sluice",
      ...Object.fromEntries(own.filter(([key, value]) => isLabel(key, value))),
      ...processLabels(identity),
      "sluice.run": runHash(identity),
      "sluice.event": toLabel(identity.event),
    },
    annotations: {
      // What Kubernetes does not take as a label it takes as an annotation.
      ...Object.fromEntries(own.filter(([key, value]) => !isLabel(key, value) && KEY.test(key))),
      "sluice.pipeline": pipeline,
      "sluice.process": process,
      "sluice.run": run,
      "sluice.attempt": String(attempt),
      "sluice.fence": String(fence),
    },
  };
}

const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/;

function isLabel(key: string, value: string): boolean {
  return KEY.test(key) && VALUE.test(value);
}

/** Text as the value of a label, which takes less than a name of ours may have. */
function toLabel(text: string): string {
  return VALUE.test(text) ? text : createHash("sha256").update(text).digest("hex").slice(0, 32);
}

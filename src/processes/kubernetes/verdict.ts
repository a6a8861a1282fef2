import { exitError } from "../../child/exit.ts";
import { saysNoSuchImage, saysNoSuchProgram } from "../../child/image.ts";
import { PermanentError, Postponed, SluiceError, type ErrorCode } from "../../model/errors.ts";
import type { Redact } from "../../model/mask.ts";
import { condition, type Condition, type ContainerStatus, type Job, type Pod } from "./objects.ts";
import type { Options } from "./options.ts";

/** Milliseconds until a run is tried again that the cluster interrupted. */
const DELAY = 10_000;

/** How it is with a Job. */
export type Verdict =
  | { readonly state: "pending"; readonly why: string | undefined; readonly final?: Error }
  | { readonly state: "running" }
  | { readonly state: "succeeded" }
  | { readonly state: "failed"; readonly error: Error };

/** What the verdict on a Job depends on besides the Job. */
export interface Circumstances extends Pick<Options, "permanentExitCodes" | "interruptions"> {
  /** What the run's container is called. */
  readonly main: string;
  readonly image: string;
  /** The last lines of its output, masked. */
  readonly tail: readonly string[];
  /** Takes out what must not be shown of what the cluster says. */
  readonly mask: Redact;
}

/** Judges a Job by what it and its pod say. */
export function judge(job: Job, pod: Pod | undefined, about: Circumstances): Verdict {
  if (condition(job.status, "Complete") !== undefined) return { state: "succeeded" };
  const failed = condition(job.status, "Failed");
  if (failed !== undefined) return { state: "failed", error: failureOf(failed, pod, about) };
  return pod === undefined ? { state: "pending", why: undefined } : beginningOf(pod, about);
}

/** Whether the run's container has output: it runs, or ran. */
export function hasOutput(pod: Pod | undefined, main: string): boolean {
  return isRunning(pod, main) || stateOf(pod, main)?.terminated !== undefined;
}

export function isRunning(pod: Pod | undefined, main: string): boolean {
  return stateOf(pod, main)?.running !== undefined;
}

function stateOf(pod: Pod | undefined, main: string): ContainerStatus["state"] {
  return pod?.status?.containerStatuses?.find(({ name }) => name === main)?.state;
}

/** The cluster, not the run, is at fault: that costs no attempt, up to a limit. */
export function interruption(
  code: ErrorCode,
  message: string,
  { interruptions }: Pick<Options, "interruptions">,
): Postponed {
  return new Postponed(message, { delay: DELAY, limit: interruptions, code });
}

function statuses(pod: Pod): readonly ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

function beginningOf(pod: Pod, about: Circumstances): Verdict {
  const all = statuses(pod);
  if (hasOutput(pod, about.main)) return { state: "running" };
  const waiting = all.find(
    ({ state }) => state?.waiting?.reason !== undefined && !isUsual(state.waiting.reason),
  );
  const { reason = "", message: whole = "" } = waiting?.state?.waiting ?? {};
  const message = about.mask(whole);
  if (waiting !== undefined) {
    const why = message === "" ? reason : `${reason}: ${message}`;
    const final = hopeless(reason, message, about);
    return { state: "pending", why, ...(final !== undefined && { final }) };
  }
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  if (unscheduled === undefined) return { state: "pending", why: undefined };
  return { state: "pending", why: said(unscheduled) };
}

/** On its way to a start. */
function isUsual(reason: string): boolean {
  return reason === "ContainerCreating" || reason === "PodInitializing";
}

/** Kubernetes would try for ever what can never become a container. */
function hopeless(reason: string, message: string, { image }: Circumstances): Error | undefined {
  const noImage = (why: string): Error =>
    new PermanentError(`there is no image ${image}: ${why}`, { code: "IMAGE_UNAVAILABLE" });
  if (reason === "InvalidImageName") return noImage(message || "its name is none");
  if (reason === "ErrImageNeverPull")
    return noImage('the node does not have it, and pull = "never"; load it there first');
  if ((reason === "ErrImagePull" || reason === "ImagePullBackOff") && saysNoSuchImage(message))
    return noImage(message);
  if (reason === "CreateContainerConfigError" && /runAsNonRoot|non-root|non-numeric user/.test(message)) {
    return new PermanentError(
      `${image} may not run as root: ${message}; give it a user by a number, such as user = "65532", or build the image with one`,
      { code: "INVALID_OPTIONS" },
    );
  }
  return undefined;
}

function failureOf(failed: Condition, pod: Pod | undefined, about: Circumstances): Error {
  if (failed.reason === "DeadlineExceeded") {
    return new SluiceError("TIMEOUT", `the Job of ${about.image} took longer than the process's time-out`);
  }
  return disruption(failed, pod, about) ?? endOf(pod, about) ?? fromJob(failed, pod, about);
}

/** The pod was ended by the cluster, for reasons of its own (condition `DisruptionTarget`). */
function disruption(failed: Condition, pod: Pod | undefined, about: Circumstances): Error | undefined {
  const target = condition(pod?.status, "DisruptionTarget");
  if (target !== undefined) {
    const code = DISRUPTIONS[target.reason ?? ""] ?? "EVICTED";
    return interruption(code, `the pod of ${about.image} was ended by the cluster: ${said(target)}`, about);
  }
  // The Job knows it even where the pod is gone: by a rule of ours.
  if (failed.reason === "PodFailurePolicy" && /condition DisruptionTarget/.test(failed.message ?? "")) {
    return interruption(
      "EVICTED",
      `the pod of ${about.image} was ended by the cluster: ${said(failed)}`,
      about,
    );
  }
  if (pod?.status?.reason === "Evicted") {
    // Without that condition the kubelet holds the pod itself to its limits.
    const message = `the pod of ${about.image} was evicted for what it used: ${pod.status.message ?? ""}`;
    return new SluiceError("EVICTED", message);
  }
  return undefined;
}

const DISRUPTIONS: Readonly<Record<string, ErrorCode>> = {
  PreemptionByScheduler: "PREEMPTED",
  DeletionByTaintManager: "NODE_LOST",
  DeletionByPodGC: "NODE_LOST",
  EvictionByEvictionAPI: "EVICTED",
  TerminationByKubelet: "EVICTED",
};

/** What the containers' own ends say; `undefined` if none has one. */
function endOf(pod: Pod | undefined, about: Circumstances): Error | undefined {
  const ended = pod === undefined ? [] : statuses(pod).filter(({ state }) => isBad(state));
  const culprit = ended.find(({ name }) => name === about.main) ?? ended[0];
  const end = culprit?.state?.terminated;
  if (culprit === undefined || end === undefined) return undefined;
  const what =
    culprit.name === about.main
      ? `the container of ${about.image}`
      : `the container "${culprit.name}" beside ${about.image}`;
  const said = about.mask(end.message?.trim() ?? "");
  const tail = about.tail.length > 0 ? about.tail : said === "" ? [] : said.split("\n").slice(-5);
  if (end.reason === "OOMKilled") {
    const message = [`${what} was ended at its memory limit`, ...tail].join("\n");
    return new SluiceError("OUT_OF_MEMORY", message, { details: { exitCode: end.exitCode } });
  }
  if (end.reason === "StartError" || end.reason === "ContainerCannotRun") {
    const message = `cannot start ${what}: ${said}`;
    return saysNoSuchProgram(said)
      ? new PermanentError(message, { code: "COMMAND_NOT_FOUND" })
      : interruption("UNSCHEDULABLE", message, about);
  }
  return exitError(what, end.exitCode, {
    permanentExitCodes: about.permanentExitCodes,
    tail,
    details: { pod: pod?.metadata.name ?? "" },
  });
}

function isBad(state: ContainerStatus["state"]): boolean {
  return state?.terminated !== undefined && state.terminated.exitCode !== 0;
}

/** What is left to say where no container of the pod has an end. */
function fromJob(failed: Condition, pod: Pod | undefined, about: Circumstances): Error {
  const code = /failed with exit code (\d+)/.exec(failed.message ?? "")?.[1];
  if (code !== undefined) {
    const { permanentExitCodes, tail } = about;
    return exitError(`the container of ${about.image}`, Number(code), { permanentExitCodes, tail });
  }
  const { reason, message = "" } = pod?.status ?? {};
  if (pod?.status?.phase === "Failed" && reason !== undefined) {
    const isNode = /^(NodeLost|NodeShutdown|Shutdown|Terminated)$/.test(reason);
    const why = `the node did not run the pod of ${about.image}: ${reason}: ${message}`;
    return interruption(isNode ? "NODE_LOST" : "UNSCHEDULABLE", why, about);
  }
  const why = `the pod of ${about.image} was deleted before it told how it ended (${said(failed)})`;
  return interruption("JOB_LOST", why, about);
}

function said({ reason, message }: Condition): string {
  return [reason, message].filter((part) => part !== undefined && part !== "").join(": ");
}

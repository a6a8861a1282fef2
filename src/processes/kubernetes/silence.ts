import type { Clock } from "../../model/clock.ts";
import type { JobView } from "./cluster-view.ts";
import type { Pod } from "./objects.ts";
import type { Options } from "./options.ts";
import { interruption } from "./verdict.ts";

/** Milliseconds that a pod may leave its Job without an end once it is gone, or once its grace time is over. */
const PATIENCE = 60_000;

/** Watches for a pod that goes without a word, which its Job would wait for for ever. */
export interface SilenceWatch {
  /** Milliseconds until its word is taken to come no more; `undefined` as long as the pod is to stay. */
  left(): number | undefined;
  /** What is said of it then. */
  error(): Error;
}

/**
 * A Job of ours counts a pod as ended only once its node said so (`podReplacementPolicy` is `Failed` where there is a
 * `podFailurePolicy`), and keeps it until then by a finalizer, even if it was deleted by force. A node that is lost says
 * nothing.
 */
export function watchSilence(
  view: Pick<JobView, "pod" | "isPodGone">,
  clock: Clock,
  options: Pick<Options, "interruptions">,
): SilenceWatch {
  /** The state of which pod began when. */
  let going: { readonly pod: string; readonly since: number } | undefined;
  return {
    left() {
      const { pod, isPodGone } = view;
      const grace = isPodGone ? 0 : graceOf(pod);
      if (pod === undefined || grace === undefined) return (going = undefined);
      const key = `${pod.metadata.uid} ${isPodGone ? "gone" : grace}`;
      if (going?.pod !== key) going = { pod: key, since: clock.monotonic() };
      return going.since + grace + PATIENCE - clock.monotonic();
    },
    error() {
      const name = view.pod?.metadata.name ?? "";
      return view.isPodGone
        ? interruption(
            "JOB_LOST",
            `the pod ${name} is gone, and its Job does not say what became of it`,
            options,
          )
        : interruption(
            "NODE_LOST",
            `the pod ${name} is deleted, and its node does not say how it ended`,
            options,
          );
    },
  };
}

/** Milliseconds that it may take to end; `undefined` if it need not. */
function graceOf(pod: Pod | undefined): number | undefined {
  if (pod?.metadata.deletionTimestamp === undefined) return undefined;
  return (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
}

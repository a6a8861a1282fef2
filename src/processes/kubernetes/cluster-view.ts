import type { Clock } from "../../model/clock.ts";
import type { Api } from "./api.ts";
import { toSelector } from "./job.ts";
import { ownerOf, type Job, type Pod } from "./objects.ts";
import { watchObjects, type Watched } from "./watch.ts";

/** One run's look at its Job: woken whenever something of it changed. */
export interface JobView {
  /** As last seen; `undefined` if the API server showed it no more. */
  readonly job: Job | undefined;
  /** The newest pod that the Job had, as last seen: it stays once it is gone. */
  readonly pod: Pod | undefined;
  /** Whether the API server showed that pod no more. */
  readonly isPodGone: boolean;
  /** Resolves at the next change. */
  changed(): Promise<void>;
  close(): void;
}

/** All Jobs and pods of one process, watched together as long as one of its runs looks. */
export interface ClusterView {
  /** @throws ApiError if they cannot be read */
  open(api: Api, clock: Clock, labels: Readonly<Record<string, string>>): Promise<OpenView>;
}

export interface OpenView {
  of(job: Job, onTrouble: (error: Error | undefined) => void): JobView;
  close(): void;
}

interface Watching {
  readonly jobs: Watched<Job>;
  readonly pods: Watched<Pod>;
  users: number;
}

interface Viewer {
  readonly uid: string;
  wake(): void;
  listed(): void;
  seen(pod: Pod): void;
  gone(pod: string): void;
  trouble(error: Error | undefined): void;
}

export function createClusterView(): ClusterView {
  const viewers = new Set<Viewer>();
  let watching: Watching | undefined;

  function tellTrouble(error: Error | undefined): void {
    for (const viewer of viewers) viewer.trouble(error);
  }

  function start(api: Api, clock: Clock, labels: Readonly<Record<string, string>>): Watching {
    const labelSelector = toSelector(labels);
    const base = { api, clock, labelSelector };
    const namespace = encodeURIComponent(api.namespace);
    const jobs = watchObjects<Job>(
      { ...base, resource: "jobs", path: `/apis/batch/v1/namespaces/${namespace}/jobs` },
      {
        changed(_, uid) {
          for (const viewer of viewers) if (viewer.uid === uid) viewer.wake();
        },
        listed() {
          for (const viewer of viewers) viewer.listed();
        },
        trouble: tellTrouble,
      },
    );
    const pods = watchObjects<Pod>(
      { ...base, resource: "pods", path: `/api/v1/namespaces/${namespace}/pods` },
      {
        changed(pod, uid) {
          for (const viewer of viewers) {
            if (pod === undefined) viewer.gone(uid);
            else if (ownerOf(pod) === viewer.uid) viewer.seen(pod);
          }
        },
        // Both use one server: the Jobs tell of its troubles.
      },
    );
    return { jobs, pods, users: 0 };
  }

  return {
    async open(api, clock, labels) {
      const mine = (watching ??= start(api, clock, labels));
      mine.users += 1;
      let isOpen = true;
      const close = (): void => {
        if (!isOpen) return;
        isOpen = false;
        mine.users -= 1;
        if (mine.users > 0) return;
        mine.jobs.close();
        mine.pods.close();
        if (watching === mine) watching = undefined;
      };
      try {
        await Promise.all([mine.jobs.ready, mine.pods.ready]);
      } catch (error) {
        // Who comes now begins anew.
        if (watching === mine) watching = undefined;
        close();
        throw error;
      }
      return { of: (job, onTrouble) => viewOf(mine, job, onTrouble), close };
    },
  };

  function viewOf({ jobs, pods }: Watching, first: Job, onTrouble: Viewer["trouble"]): JobView {
    const { uid } = first.metadata;
    let next = Promise.withResolvers<void>();
    let wasSeen = jobs.items.has(uid);
    let pod: Pod | undefined;
    const viewer: Viewer = {
      uid,
      wake() {
        wasSeen ||= jobs.items.has(uid);
        next.resolve();
        next = Promise.withResolvers();
      },
      listed() {
        // Made and deleted between two lists, it would never be seen; who made it may ask, should this be an older list.
        wasSeen = true;
        viewer.wake();
      },
      gone(uid) {
        if (uid === pod?.metadata.uid) viewer.wake();
      },
      seen(seen) {
        if (isOlder(seen, pod)) return;
        pod = seen;
        viewer.wake();
      },
      trouble: onTrouble,
    };
    for (const known of pods.items.values()) if (ownerOf(known) === uid && !isOlder(known, pod)) pod = known;
    viewers.add(viewer);
    return {
      get job() {
        // The watch may be a moment behind who made it.
        return jobs.items.get(uid) ?? (wasSeen ? undefined : first);
      },
      get pod() {
        return pod;
      },
      get isPodGone() {
        return pod !== undefined && !pods.items.has(pod.metadata.uid);
      },
      changed: () => next.promise,
      close: () => void viewers.delete(viewer),
    };
  }
}

function isOlder(pod: Pod, than: Pod | undefined): boolean {
  if (than === undefined || than.metadata.uid === pod.metadata.uid) return false;
  return (pod.metadata.creationTimestamp ?? "") < (than.metadata.creationTimestamp ?? "");
}

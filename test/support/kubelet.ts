import { createServer, type Server } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import type { Job, List, Pod } from "../../src/processes/kubernetes/objects.ts";
import type { KubernetesCluster } from "./kubernetes.ts";

export interface FullPod extends Pod {
  readonly spec: Record<string, unknown> & { readonly nodeName?: string };
}

export interface FullJob extends Job {
  readonly spec: Record<string, unknown>;
}

/** A node whose kubelet is played: it says of pods what a test has it say, and serves their output. */
export interface PlayedNode {
  readonly name: string;
  /** The one pod of a namespace, once the scheduler has given it to the node. */
  pod(namespace: string): Promise<FullPod>;
  /** Says how it is with a pod. */
  say(pod: Pod, namespace: string, status: object): Promise<void>;
  running(pod: Pod, namespace: string): Promise<void>;
  /** The container `main` ended, and with it the pod. */
  ended(pod: Pod, namespace: string, terminated: object): Promise<void>;
  /** Lets go of the pods of a namespace that are to be deleted, once there is one, as a kubelet does when they ended. */
  finalize(namespace: string): Promise<void>;
  /** What the pod's container writes; `end` closes what reads it. */
  readonly output: {
    /** A line, at a moment of its own unless `time` says when. */
    write(line: string, time?: string): void;
    /** Sends the beginning of the next line only, for a connection that breaks there. */
    begin(text: string): void;
    /** Breaks connections, or ends them as if there were no more. */
    cut(how?: "broken" | "clean"): void;
    /** Forgets what was written so far, as a node does that keeps only so much of a log. */
    rotate(): void;
    end(): void;
    readonly readers: number;
    readonly asked: readonly string[];
  };
  /** Answers no more, though the cluster still has it. */
  halt(): void;
  remove(): Promise<void>;
}

let nodes = 0;

export async function startNode(
  cluster: KubernetesCluster,
  options: { cpu?: string } = {},
): Promise<PlayedNode> {
  const name = `node-${++nodes}`;
  const log = createLogServer(cluster.tls);
  const port = await log.listen();
  await cluster.call("POST", "/api/v1/nodes", { metadata: { name, labels: { node: name } } });
  // The controller that would take the taint of a new node away is not there: it would wait for a kubelet's heartbeats.
  await cluster.call("PATCH", `/api/v1/nodes/${name}`, { spec: { taints: [] } });
  const resources = { cpu: options.cpu ?? "64", memory: "64Gi", pods: "500" };
  await cluster.call("PATCH", `/api/v1/nodes/${name}/status`, {
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }],
    },
  });
  const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
  const say: PlayedNode["say"] = async (pod, namespace, status) =>
    void (await cluster.call("PATCH", `${pods(namespace)}/${pod.metadata.name}/status`, { status }));
  const started = new Date().toISOString().replace(/\.\d+Z/, "Z");
  const ended: PlayedNode["ended"] = async (pod, namespace, terminated) => {
    const { exitCode = 0 } = terminated as { exitCode?: number };
    const state = { terminated: { exitCode, startedAt: started, finishedAt: started, ...terminated } };
    await say(pod, namespace, {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      startTime: started,
      containerStatuses: [{ ...MAIN, ready: false, state }],
    });
  };
  return {
    name,
    output: log.output,
    say,
    async pod(namespace) {
      let found: FullPod | undefined;
      await expect
        .poll(
          async () => {
            const { items } = await cluster.call<List<FullPod>>("GET", pods(namespace));
            found = items.find(
              ({ metadata, spec, status }) =>
                spec.nodeName === name &&
                metadata.deletionTimestamp === undefined &&
                status?.phase === "Pending",
            );
            return found !== undefined;
          },
          { timeout: 30_000, interval: 100 },
        )
        .toBe(true);
      return found as FullPod;
    },
    running: (pod, namespace) =>
      say(pod, namespace, {
        phase: "Running",
        startTime: started,
        containerStatuses: [
          { ...MAIN, ready: true, started: true, state: { running: { startedAt: started } } },
        ],
      }),
    ended,
    async finalize(namespace) {
      let all: readonly FullPod[] = [];
      const isGoing = ({ metadata }: FullPod): boolean => metadata.deletionTimestamp !== undefined;
      const look = async (): Promise<boolean> => {
        all = (await cluster.call<List<FullPod>>("GET", pods(namespace))).items;
        return all.length === 0 || all.some(isGoing);
      };
      await expect.poll(look, { timeout: 30_000, interval: 100 }).toBe(true);
      for (const pod of all.filter(isGoing)) {
        await ended(pod, namespace, { exitCode: 143 }).catch(() => undefined);
        const body = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } };
        await cluster.call("DELETE", `${pods(namespace)}/${pod.metadata.name}`, body).catch(() => undefined);
      }
    },
    halt: () => log.close(),
    async remove() {
      log.close();
      await cluster.call("DELETE", `/api/v1/nodes/${name}`).catch(() => undefined);
    },
  };
}

const MAIN = { name: "main", image: "i", imageID: "i", restartCount: 0 };

/** The part of a kubelet that serves the output of containers (`/containerLogs/…`). */
function createLogServer(tls: KubernetesCluster["tls"]): {
  readonly output: PlayedNode["output"];
  listen(): Promise<number>;
  close(): void;
} {
  const lines: { time: string; text: string }[] = [];
  const readers = new Set<ServerResponse>();
  const asked: string[] = [];
  let isOver = false;
  const server: Server = createServer({ ...tls, requestCert: false }, (request, response) => {
    const url = new URL(request.url ?? "/", "https://kubelet");
    asked.push(`${url.pathname}${url.search}`);
    const since = url.searchParams.get("sinceTime");
    response.writeHead(200, { "content-type": "text/plain" });
    response.flushHeaders();
    for (const { time, text } of lines) {
      // The kubelet takes whole seconds.
      if (since === null || time >= since.slice(0, 19)) response.write(`${time} ${text}\n`);
    }
    if (isOver || url.searchParams.get("follow") !== "true") return void response.end();
    readers.add(response);
    response.once("close", () => readers.delete(response));
  });
  let ticks = 0;
  const nextTime = (): string => `2026-11-24T12:00:00.${String(++ticks).padStart(9, "0")}Z`;
  return {
    output: {
      asked,
      get readers() {
        return readers.size;
      },
      write(text, time = nextTime()) {
        lines.push({ time, text });
        for (const reader of readers) reader.write(`${time} ${text}\n`);
      },
      begin(text) {
        for (const reader of readers) reader.write(`${nextTime()} ${text}`);
      },
      cut(how = "broken") {
        for (const reader of readers) {
          if (how === "clean") reader.end();
          else reader.socket?.destroy();
        }
      },
      rotate: () => void lines.splice(0),
      end() {
        isOver = true;
        for (const reader of readers) reader.end();
      },
    },
    listen: () =>
      new Promise((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
      }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

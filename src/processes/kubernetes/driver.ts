import type { OutgoingHttpHeaders } from "node:http";
import type { Agent, RequestOptions } from "node:https";
import { resolve } from "node:path";
import { SluiceError } from "../../model/errors.ts";
import { readSmallFile } from "../../options/small-file.ts";

/** Bytes of the largest kubeconfig. */
const KUBECONFIG_LIMIT = 10_000_000;

/** The slice of `KubeConfig` of `@kubernetes/client-node` that is called; typed here so that our types compile without it. */
interface KubeConfig {
  loadFromFile(file: string): void;
  loadFromDefault(): void;
  loadFromCluster(): void;
  setCurrentContext(name: string): void;
  getCurrentContext(): string;
  getContextObject(name: string): { readonly namespace?: string } | null;
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string } | null;
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

export interface ClusterOptions {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly inCluster: boolean;
  readonly namespace?: string | undefined;
}

/** Where the API server is, and who we are there. Nothing is connected yet. */
export interface Cluster {
  readonly server: URL;
  readonly namespace: string;
  /** Credentials for one request: they may change with time, so they are asked for each time. */
  authenticate(): Promise<Credentials>;
}

export interface Credentials extends Pick<RequestOptions, "ca" | "cert" | "key" | "servername" | "auth"> {
  readonly headers: OutgoingHttpHeaders;
  readonly rejectUnauthorized?: boolean | undefined;
  /** Set if the cluster is behind a proxy. */
  readonly agent?: Agent | undefined;
}

let loading: Promise<new () => KubeConfig> | undefined;

/**
 * Loads the optional peer `@kubernetes/client-node`: once, since it takes seconds.
 *
 * @throws SluiceError MISSING_DEPENDENCY, saying what to install.
 */
export function loadClient(): Promise<new () => KubeConfig> {
  loading ??= (async () => {
    try {
      const module = (await import("@kubernetes/client-node")) as unknown as {
        KubeConfig: new () => KubeConfig;
      };
      return module.KubeConfig;
    } catch (cause) {
      loading = undefined;
      throw new SluiceError(
        "MISSING_DEPENDENCY",
        'kubernetes processes need the package "@kubernetes/client-node"; install it: npm install @kubernetes/client-node',
        { cause },
      );
    }
  })();
  return loading;
}

/**
 * Finds the cluster: the kubeconfig that is named, else that of KUBECONFIG, else `~/.kube/config`, else the cluster that
 * we run in.
 *
 * @throws SluiceError MISSING_DEPENDENCY, or INVALID_OPTIONS if there is no such file, context or cluster
 */
export async function findCluster(options: ClusterOptions, directory: string): Promise<Cluster> {
  const config = new (await loadClient())();
  load(config, options, directory);
  const { context } = options;
  if (context !== undefined) {
    if (config.getContextObject(context) === null)
      throw invalid(`the kubeconfig has no context ${JSON.stringify(context)}`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw invalid("the kubeconfig names no cluster; does it have a current-context?");
  const own = config.getContextObject(config.getCurrentContext())?.namespace;
  return {
    server: new URL(cluster.server),
    namespace: options.namespace ?? (own === undefined || own === "" ? "default" : own),
    async authenticate() {
      const request: RequestOptions = { headers: {} };
      await config.applyToHTTPSOptions(request);
      const { ca, cert, key, servername, auth, rejectUnauthorized, headers, agent } = request;
      return {
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...(servername !== undefined && { servername }),
        ...(auth !== undefined && auth !== null && { auth }),
        headers: headers as OutgoingHttpHeaders,
        rejectUnauthorized,
        // Its own agents keep the first certificate that they were made with: only a proxy needs one.
        ...(cluster.proxyUrl !== undefined && { agent: agent as Agent }),
      };
    },
  };
}

function load(config: KubeConfig, { kubeconfig, inCluster }: ClusterOptions, directory: string): void {
  try {
    if (inCluster) {
      if (process.env["KUBERNETES_SERVICE_HOST"] === undefined) {
        throw new Error("KUBERNETES_SERVICE_HOST is not set: this process does not run in a pod");
      }
      config.loadFromCluster();
    } else if (kubeconfig === undefined) config.loadFromDefault();
    else {
      const file = resolve(directory, kubeconfig);
      // What it is told to load it reads at once, whatever it is.
      readSmallFile(file, KUBECONFIG_LIMIT);
      config.loadFromFile(file);
    }
  } catch (cause) {
    throw invalid(`cannot read the kubeconfig: ${(cause as Error).message}`, cause);
  }
}

function invalid(message: string, cause?: unknown): SluiceError {
  return new SluiceError("INVALID_OPTIONS", message, { cause });
}

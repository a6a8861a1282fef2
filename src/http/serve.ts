import { hostname } from "node:os";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { SluiceError } from "../model/errors.ts";
import { isLoopback } from "../model/loopback.ts";
import type { AccessOptions } from "./access.ts";
import type { ApiChanges } from "./changes.ts";
import { createApi, type Api } from "./api.ts";
import { hooksHandler } from "./hooks.ts";
import { listen, type Listener } from "./listen.ts";
import { openPage } from "./page.ts";
import type { MetricsSource } from "./route.ts";

export interface ServeOptions {
  /** The API, and the hooks too unless they have a listener of their own. Defaults to no listener. */
  readonly http?: HttpListenerOptions;
  /** Webhook inputs only. Defaults to no listener of their own. */
  readonly hooks?: { readonly host: string; readonly port: number };
  /** The configuration as it may be shown, secrets masked. */
  readonly config?: unknown;
  /** How the pipeline becomes another one. Defaults to not at all. */
  readonly changes?: ApiChanges;
  readonly onError?: (error: unknown) => void;
  /** Takes secrets out of what the stream and failures inside tell. Defaults to leaving it as it is. */
  readonly redact?: (text: string) => string;
  /** What `/metrics` answers. Defaults to 404. */
  readonly metrics?: MetricsSource;
}

export interface HttpListenerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Of operators. Off loopback one of the tokens is needed. */
  readonly token?: string;
  readonly viewerToken?: string;
  readonly adminToken?: string;
  /** Whether an admin may change the pipeline. Defaults to `false`. */
  readonly changes?: boolean;
  /** Names it is also called by, behind a proxy for example. */
  readonly hosts?: readonly string[];
}

export interface Servers {
  /** Where the API is, such as `http://127.0.0.1:8787`; `null` if it has no listener. */
  readonly http: string | null;
  /** Where webhooks are sent to. */
  readonly hooks: string | null;
  /** As that of a listener. */
  close(grace?: number): Promise<void>;
}

/**
 * Puts a pipeline on the network. May be called before it starts: until then it answers that it is not ready.
 *
 * @throws SluiceError LISTENER_FAILED, or INSECURE_LISTENER for an API off loopback without a token
 */
export async function serve(orchestrator: Orchestrator, options: ServeOptions): Promise<Servers> {
  const { http, hooks, onError, redact, metrics, config, changes } = options;
  const reporting = { ...(onError && { onError }), ...(redact && { redact }) };
  const listeners: Listener[] = [];
  let api: Api | undefined;
  const close = async (grace?: number): Promise<void> => {
    api?.close();
    await Promise.all(listeners.map((listener) => listener.close(grace)));
  };
  try {
    if (http !== undefined) {
      const page = openPage();
      api = createApi(orchestrator, {
        ...apiAccess(http),
        ...reporting,
        ...(metrics && { metrics }),
        ...(page && { page }),
        ...(changes && { changes, allowsChanges: http.changes === true }),
        config,
      });
      const fetch =
        hooks === undefined ? hooksHandler(orchestrator, { ...reporting, otherwise: api.fetch }) : api.fetch;
      listeners.push(await listen(fetch, http));
    }
    if (hooks !== undefined) listeners.push(await listen(hooksHandler(orchestrator, reporting), hooks));
  } catch (error) {
    await close(0);
    throw error;
  }
  const urls = listeners.map((listener) => listener.url);
  return {
    http: http === undefined ? null : (urls[0] ?? null),
    hooks: urls.at(-1) ?? null,
    close,
  };
}

function apiAccess({ host, token, viewerToken, adminToken, hosts = [] }: HttpListenerOptions): AccessOptions {
  const onLoopback = isLoopback(host);
  const tokens = {
    ...(token !== undefined && { token }),
    ...(viewerToken !== undefined && { viewerToken }),
    ...(adminToken !== undefined && { adminToken }),
  };
  if (!onLoopback && Object.keys(tokens).length === 0) {
    throw new SluiceError(
      "INSECURE_LISTENER",
      `the API would be open to everybody who reaches ${host}; set a token, or listen on 127.0.0.1`,
    );
  }
  const names = onLoopback ? hosts : [...hosts, host, hostname()];
  return { ...tokens, hosts: names, anyAddress: !onLoopback };
}

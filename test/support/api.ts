import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createApi, type ApiOptions } from "../../src/http/api.ts";
import { journalFrom } from "../../src/journal/open.ts";
import type { Process } from "../../src/model/component.ts";

/** A running pipeline in memory: `orders` → `land`, which succeeds unless the event's data says `fail` or `wait`. */
export async function startPipeline(): Promise<Orchestrator> {
  const orchestrator = new Orchestrator({ name: "shop", journal: journalFrom("memory:") });
  orchestrator.addInput({
    name: "orders",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    path: "/hooks/orders",
    fetch: async (request) => Response.json({ hooked: await request.text() }),
  });
  orchestrator.addProcess(land, { retry: { attempts: 1 }, grace: "100ms" });
  orchestrator.addLink("orders", "land");
  await orchestrator.start();
  return orchestrator;
}

const land: Process<{ fail?: string; wait?: boolean; log?: string } | undefined> = {
  name: "land",
  async run({ data }, context) {
    const { signal } = context;
    if (data?.log !== undefined) context.log(data.log);
    if (data?.fail !== undefined) throw new Error(data.fail);
    if (data?.wait === true) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  },
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- what a route answers differs; tests say what they expect
  readonly body: any;
}

/** Calls the API without a network. A body that is no string is sent as JSON. */
export type CallApi = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

export function callerOf(orchestrator: Orchestrator, options: ApiOptions = {}): CallApi {
  const api = createApi(orchestrator, options);
  return async (method, path, body, headers = {}) => {
    const request = new Request(`http://127.0.0.1:8787${path}`, {
      method,
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const response = await api.fetch(request);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (isStream) await response.body?.cancel();
    const text = isStream ? "" : await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
}

// `sluice run sluice.toml` as a process of its own, and the questions that main.ts asks its HTTP API.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const CLI: string = join(import.meta.dirname, "../../../dist/cli/main.js");
export const CONFIG: string = join(import.meta.dirname, "../sluice.toml");
/** The same with a topic as its way in. */
const KAFKA_CONFIG = join(import.meta.dirname, "../sluice.kafka.ts");

export interface Pipeline extends AsyncDisposable {
  /** Where its API is. */
  readonly url: string;
  /** Rejects when it has ended by itself. */
  readonly failed: Promise<never>;
  /** Pulls the plug (kill -9), and starts it again. */
  crash(): Promise<void>;
}

/** Starts the pipeline; resolves when it listens. It adds its log to a file. */
export async function startPipeline(environment: NodeJS.ProcessEnv, log: string): Promise<Pipeline> {
  let running = await launch(environment, log);
  return {
    url: running.url,
    get failed() {
      return running.failed;
    },
    async crash() {
      await running.end("SIGKILL");
      running = await launch(environment, log);
    },
    async [Symbol.asyncDispose]() {
      await running.end("SIGTERM");
    },
  };
}

interface Running {
  readonly url: string;
  readonly failed: Promise<never>;
  end(signal: NodeJS.Signals): Promise<void>;
}

async function launch(environment: NodeJS.ProcessEnv, log: string): Promise<Running> {
  const config = environment["KAFKA_BROKERS"] === undefined ? CONFIG : KAFKA_CONFIG;
  const child = spawn(process.execPath, [CLI, "run", "--json", config], {
    // In a process group of its own: Ctrl-C in a terminal is for main.ts, which then stops its parts in order.
    detached: true,
    // By pipes, the log too: were main.ts killed, the pipeline would notice that nobody reads it any more, and end.
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  child.stderr.pipe(createWriteStream(log, { flags: "a" }));
  let lastWords = "";
  child.stderr.on("data", (chunk: Buffer) => {
    lastWords = `${lastWords}${String(chunk)}`.slice(-1_000);
  });

  let isWanted = true;
  const ended = once(child, "close");
  const failed = ended.then(() => {
    if (isWanted) throw new Error(`the pipeline has ended by itself. The end of ${log}:\n${lastWords}`);
    return new Promise<never>(() => undefined);
  });
  failed.catch(() => undefined);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    isWanted = false;
    child.kill(signal);
    await ended;
  };

  // The first line that it prints: {"ready":true,"http":"http://127.0.0.1:8787"}
  const firstLine = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
  const [line] = await Promise.race([firstLine, failed]);
  const { http: url } = JSON.parse(line) as { http: string };
  return { url, failed, end };
}

/** A run's states and how many runs are in each, as the API counts them. */
export type RunCounts = Readonly<
  Partial<Record<"queued" | "waiting" | "running" | "retrying" | "succeeded" | "dead" | "cancelled", number>>
>;

/** Runs of each process. */
export async function runCounts(url: string): Promise<ReadonlyMap<string, RunCounts>> {
  const rows = await list<{ name: string; runs: RunCounts }>(url, "processes");
  return new Map(rows.map(({ name, runs }) => [name, runs]));
}

/** Dead runs that failed alike. */
export interface DeadLetters {
  readonly process: string;
  readonly count: number;
  readonly error: { readonly code: string; readonly message: string };
  readonly newest: { readonly id: string };
}

export function deadLetters(url: string): Promise<readonly DeadLetters[]> {
  return list(url, "dead-letters");
}

/** The event that was made of a message, which has the delivery in a header. */
export async function uidOfDelivery(url: string, delivery: string): Promise<string | undefined> {
  for (let cursor: string | null = ""; cursor !== null;) {
    const response = await fetch(
      `${url}/api/v1/events?trigger=orders&limit=100${cursor && `&cursor=${cursor}`}`,
    );
    const page = (await response.json()) as EventPage;
    const found = page.items.find(({ headers }) => headers?.["delivery"] === delivery);
    if (found !== undefined) return found.uid;
    cursor = page.next;
  }
  return undefined;
}

interface EventPage {
  readonly items: readonly { readonly uid: string; readonly headers?: Readonly<Record<string, string>> }[];
  readonly next: string | null;
}

async function list<Item>(url: string, path: string): Promise<readonly Item[]> {
  const response = await fetch(`${url}/api/v1/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { items: readonly Item[] }).items;
}

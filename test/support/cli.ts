import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SluiceOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** A command that runs `sluice` in its own place, such as a tracer. */
  readonly launcher?: readonly string[];
}

/** A folder of its own with a pipeline in it, in which commands are run as a user would. */
export interface Workspace {
  readonly folder: string;
  write(file: string, content: string): void;
  /** Runs a command to its end. */
  sluice(argv: readonly string[], options?: SluiceOptions): Promise<Ended>;
  /** Runs a command that must succeed, and reads its one JSON value. */
  json<Value>(argv: readonly string[], options?: SluiceOptions): Promise<Value>;
  /** Asks the owner of the journal directly, for what a test only needs on its way: no process is started for it. */
  api<Value>(method: "GET" | "POST", path: string, body?: unknown): Promise<Value>;
  /** Starts `sluice run --json`, and waits until it is ready. */
  run(options?: SluiceOptions & { readonly argv?: readonly string[] }): Promise<Running>;
  /** Ends what runs, and removes the folder. */
  remove(): Promise<void>;
}

export interface Running {
  readonly child: ChildProcess;
  /** The line that said that it is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly ended: Promise<Ended>;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** `orders` → `land`, which emits → `report`. `land` fails, waits or logs as the event's data says. */
const MODULES: Readonly<Record<string, string>> = {
  "orders.ts": `export default ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve));`,
  "land.ts": `export default async (event, context) => {
    const { fail, wait, log } = event.data ?? {};
    if (log !== undefined) context.log(log);
    if (wait === true) await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason)));
    if (fail !== undefined) throw new Error(fail);
    context.emit({ location: "enriched.orders", operation: "create", id: event.id, data: { landed: true } });
  };`,
  "report.ts": `export default () => {};`,
};

export const PIPELINE = `name = "shop"
grace = "2s"

[[input]]
name = "orders"
type = "function"
module = "./orders.ts"

[[process]]
name = "land"
type = "function"
module = "./land.ts"
on = "orders"
retry = { attempts = 1 }

[[process]]
name = "report"
type = "function"
module = "./report.ts"
on = "land"
`;

export function workspace(config: string = PIPELINE): Workspace {
  const folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  const running = new Set<Running>();
  const write = (file: string, content: string): void => writeFileSync(join(folder, file), content);
  for (const [file, content] of Object.entries(MODULES)) write(file, content);
  write("sluice.toml", config);

  function start(
    argv: readonly string[],
    { env = {}, stdin, launcher = [] }: SluiceOptions = {},
  ): ChildProcess {
    const [command, ...before] = [...launcher, process.execPath];
    const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: process.env["TMPDIR"] };
    const child = spawn(command, [...before, MAIN, ...argv], { cwd: folder, env: { ...inherited, ...env } });
    child.stdin.end(stdin);
    return child;
  }

  async function sluice(argv: readonly string[], options?: SluiceOptions): Promise<Ended> {
    return end(start(argv, options));
  }

  return {
    folder,
    write,
    sluice,
    async json<Value>(argv: readonly string[], options?: SluiceOptions): Promise<Value> {
      const { code, stdout, stderr } = await sluice([...argv, "--json"], options);
      if (code !== 0) throw new Error(`sluice ${argv.join(" ")} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as Value;
    },
    async api<Value>(method: "GET" | "POST", path: string, body?: unknown): Promise<Value> {
      const socketPath = join(folder, ".sluice/journal.db.sock");
      const headers = { "content-type": "application/json" };
      const sent = request({ socketPath, method, path: `/api/v1/${path}`, headers, agent: false });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      return JSON.parse(await text(response)) as Value;
    },
    async run({ argv = [], ...options } = {}) {
      const child = start(["run", "--json", ...argv], options);
      const ended = end(child);
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
      const first = await Promise.race([once(lines, "line"), ended]);
      if (!Array.isArray(first)) throw new Error(`run ended with ${first.code}: ${first.stderr}`);
      const started: Running = {
        child,
        ended,
        ready: JSON.parse(String(first[0])) as Record<string, unknown>,
        stop(signal = "SIGTERM") {
          child.kill(signal);
          return ended;
        },
      };
      running.add(started);
      return started;
    },
    async remove() {
      for (const { child, ended } of running) {
        child.kill("SIGKILL");
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<Ended> {
  const streams = [child.stdout, child.stderr].map((stream) => (stream === null ? "" : text(stream)));
  const [[code, signal], stdout = "", stderr = ""] = await Promise.all([
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
    ...streams,
  ]);
  return { code, signal, stdout, stderr };
}

/** Asks again until it is so; fails after ten seconds. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error("it did not become so within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

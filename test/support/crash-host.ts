import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../../", import.meta.url).href;

/** A program with a pipeline of its own, to be killed while runs of its process `work` run, and started again. */
export interface CrashHost extends AsyncDisposable {
  /** Its journal is there, and whatever a test likes. */
  readonly directory: string;
  /** Starts it with so many events; it goes on until it is killed. */
  start(events: number): { kill(): Promise<void> };
  /** Starts it without events; resolves once nothing is left to do, with its exit code and signal. */
  finish(): Promise<unknown[]>;
}

/**
 * @param kind a module under `src/processes`
 * @param pipeline adds `work`, and what more there is, to `orchestrator`
 * @param env what `pipeline` finds in its environment
 */
export async function crashHost(
  kind: string,
  pipeline: string,
  env: (directory: string) => NodeJS.ProcessEnv,
): Promise<CrashHost> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-crash-"));
  const file = join(directory, "host.mjs");
  await writeFile(
    file,
    `
    import { Orchestrator } from "${root}src/index.ts";
    import * as kind from "${root}src/processes/${kind}";
    const { JOURNAL, EVENTS } = process.env;
    const orchestrator = new Orchestrator({ journal: JOURNAL });
    orchestrator.addInput({ name: "in", handle: ({ signal }) => new Promise((end) => signal.addEventListener("abort", end)) });
    ${pipeline}
    orchestrator.addLink("in", "work");
    await orchestrator.start();
    for (let id = 0; id < Number(EVENTS); id++) await orchestrator.emit("in", { id });
    if (Number(EVENTS) === 0) {
      await orchestrator.idle();
      await orchestrator.stop();
    } else setInterval(() => undefined, 1000);
  `,
  );
  const begin = (events: number): ChildProcess => {
    const journal = `sqlite:${join(directory, "journal.db")}`;
    const own = { ...env(directory), JOURNAL: journal, EVENTS: String(events) };
    return spawn(process.execPath, [file], {
      env: { ...process.env, ...own },
      stdio: ["ignore", "ignore", "inherit"],
    });
  };
  const children: ChildProcess[] = [];
  return {
    directory,
    start(events) {
      const host = begin(events);
      children.push(host);
      return {
        async kill() {
          const exit = once(host, "exit");
          host.kill("SIGKILL");
          await exit;
        },
      };
    },
    finish() {
      const host = begin(0);
      children.push(host);
      return once(host, "exit");
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await rm(directory, { recursive: true });
    },
  };
}

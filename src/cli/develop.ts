import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SluiceError } from "../model/errors.ts";
import { forPeople } from "./log.ts";
import { colours, hint, print } from "./output.ts";
import { harmless } from "./text.ts";

/** Editors save in several steps; more files may be on their way. */
const SETTLED = 150;
/** What runs is given so long to end before the next start; it is not production. */
const PATIENCE = 3_000;
/** Folders that change while the pipeline runs, or are not its own. */
const FOREIGN: ReadonlySet<string> = new Set(["node_modules", "dist"]);

/**
 * Runs a pipeline in a child process, and anew at every change of its folder, until a signal comes.
 *
 * @throws SluiceError CONFIG_NOT_FOUND
 */
export async function develop(file: string, json: boolean): Promise<void> {
  if (!existsSync(file))
    throw new SluiceError("CONFIG_NOT_FOUND", `there is no file ${file}; make one by "sluice init"`);
  const folder = dirname(resolve(file));
  const { watch } = await import("chokidar");
  const watcher = watch(folder, {
    ignoreInitial: true,
    atomic: true,
    ignored: (path) => isForeign(relative(folder, path)),
  });
  const dev = new Development(file, json);
  watcher.on("all", (_, path) => {
    if (isSource(path, file)) dev.changed(relative(folder, path));
  });
  watcher.on("error", (error) => hint(`the folder cannot be watched: ${String(error)}`));
  dev.start();
  await dev.ended;
  await watcher.close();
}

const SOURCES = /\.(?:[cm]?[jt]s|sql|toml|ya?ml)$/;

/** Code and config, but not what the pipeline itself may write or take in: logs, JSON, CSV. */
export function isSource(path: string, config: string): boolean {
  return SOURCES.test(path) || resolve(path) === resolve(config);
}

/** What begins with a dot is the journal's folder, a repository's or an editor's. */
export function isForeign(path: string): boolean {
  const parts = path.split(sep);
  return (
    parts.some((part) => (part.startsWith(".") && part !== "." && part !== "..") || FOREIGN.has(part)) ||
    path.endsWith("~")
  );
}

class Development {
  readonly ended: Promise<void>;
  readonly #file: string;
  readonly #json: boolean;
  #end: () => void = () => undefined;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isEnding = false;
  #isStale = false;

  constructor(file: string, json: boolean) {
    this.#file = file;
    this.#json = json;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => this.#stop(signal));
    // The terminal was closed: of a group of its own, the pipeline would not be told.
    process.on("SIGHUP", () => this.#stop("SIGTERM"));
    process.on("exit", () => this.#child?.kill("SIGTERM"));
  }

  start(): void {
    this.#isStale = false;
    const main = fileURLToPath(
      new URL(import.meta.url.endsWith(".ts") ? "./main.ts" : "./main.js", import.meta.url),
    );
    // Of a group of its own: Ctrl-C reaches it through us, once. Its input ends with us, even if we are killed.
    const child = spawn(process.execPath, [main, "run", this.#file, "--json", "--with-parent"], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#ready(line));
    createInterface({ input: child.stderr }).on("line", (line) => this.#log(line));
    child.on("error", (error) => hint(`error: the pipeline could not be started: ${error.message}`));
    child.on("close", (code) => this.#closed(code));
  }

  changed(path: string): void {
    if (this.#isEnding) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(path), SETTLED);
  }

  #restart(path: string): void {
    hint(colours.dim(`${harmless(path)} was saved: starting anew`));
    if (this.#child === undefined) this.start();
    else {
      this.#isStale = true;
      this.#kill("SIGTERM");
    }
  }

  #stop(signal: NodeJS.Signals): void {
    clearTimeout(this.#timer);
    if (this.#child === undefined) this.#end();
    // The second one ends the pipeline at once.
    else this.#child.kill(signal);
    this.#isEnding = true;
  }

  #kill(signal: NodeJS.Signals): void {
    const child = this.#child;
    child?.kill(signal);
    setTimeout(() => {
      if (this.#child === child) child?.kill(signal);
    }, PATIENCE).unref();
  }

  #closed(code: number | null): void {
    this.#child = undefined;
    if (this.#isEnding) this.#end();
    else if (this.#isStale) this.start();
    else
      hint(colours.dim(`the pipeline ended (${code ?? "killed"}); it is started anew once a file is saved`));
  }

  #ready(line: string): void {
    if (this.#json) return print(line);
    const { http } = JSON.parse(line) as { http: string | null };
    const where = http === null ? "no [http]: there is no page" : `the page: ${http}/`;
    hint(`${colours.green("●")} ${basename(this.#file)} runs; ${where}`);
  }

  #log(line: string): void {
    if (this.#json || !line.startsWith("{")) hint(line);
    else process.stderr.write(forPeople(line));
  }
}

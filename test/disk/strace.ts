import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Why there is no strace here; `undefined` if there is. With `strace` in SLUICE_TEST_REQUIRE the reason is thrown
 * instead: there, a skip is a failure.
 */
export function whyNoStrace(): string | undefined {
  const { status, error, stderr } = spawnSync("strace", ["-e", "trace=none", "true"], { encoding: "utf8" });
  if (status === 0) return undefined;
  const reason = `strace does not work here: ${error?.message ?? stderr.trim()}`;
  if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("strace") === true) throw new Error(reason);
  return reason;
}

/** A system call made to fail, as `strace --inject` has it: the `when`-th of each thread, or a range such as `5+`. */
export interface Injection {
  readonly call: "sync" | "pwrite64" | "pread64" | "ftruncate";
  readonly error: "EIO" | "ENOSPC";
  readonly when: string;
}

/** What keeps a journal, and what says so to others. */
const TRACED = "pwrite64,fdatasync,fsync,pread64,ftruncate,write,writev,sendmsg,sendto";

/**
 * The command that traces a program into `file`. The tracer is the program's grandchild: signals and exit codes are
 * the program's own.
 */
export function straceLauncher(file: string, injection?: Injection): string[] {
  const inject =
    injection === undefined
      ? []
      : ["-e", `inject=${calls(injection)}:error=${injection.error}:when=${injection.when}`];
  const printed = ["-x", "-y", "-s", "5000"];
  return ["strace", "-D", "-f", "-q", ...printed, "-o", file, "-e", `trace=${TRACED}`, ...inject];
}

/** SQLite syncs by whichever of the two it was built with. */
function calls({ call }: Injection): string {
  return call === "sync" ? "fsync,fdatasync" : call;
}

/** A system call: lines of the trace say when it began and when it ended. */
export interface Call {
  readonly name: string;
  /** Of the file, pipe or socket that it is about. */
  readonly path: string;
  readonly text: string;
  readonly begin: number;
  readonly end: number;
  readonly failed: boolean;
}

/** Waits for the tracer to have written all of it, once the program has ended. */
export async function readTrace(file: string): Promise<Call[]> {
  for (let before = -1; ; await delay(50)) {
    const text = readFileSync(file, "latin1");
    if (text.length === before) return parse(text);
    before = text.length;
  }
}

function parse(text: string): Call[] {
  const calls: Call[] = [];
  const begun = new Map<string, { begin: number; text: string }>();
  for (const [line, content] of text.split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+) +(.*)$/.exec(content) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(pid, { begin: line, text: rest.slice(0, -"<unfinished ...>".length) });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const first = resumed === null ? undefined : begun.get(pid);
    const whole = (first?.text ?? "") + rest.slice(resumed?.[0].length ?? 0);
    const [, name, path] = /^(\w+)\(\d+<([^>]*)>/.exec(whole) ?? [];
    if (name === undefined || path === undefined) continue;
    const failed = / = -1 E/.test(whole.slice(whole.lastIndexOf(") ")));
    calls.push({ name, path, text: whole, begin: first?.begin ?? line, end: line, failed });
  }
  return calls;
}

const LEAVES: ReadonlySet<string> = new Set(["write", "writev", "sendmsg", "sendto"]);

/**
 * Of these events, those of which the program told others before a sync of the file that held them had ended well.
 * A sync that failed voids what was written before it: Linux takes those pages for clean, so that a later one says
 * nothing about them (https://wiki.postgresql.org/wiki/Fsync_Errors).
 */
export function toldTooEarly(calls: readonly Call[], uids: Iterable<string>): string[] {
  const leaving = calls.filter((call) => LEAVES.has(call.name) && !call.path.includes("journal.db"));
  const writes = calls.filter((call) => call.name === "pwrite64" && !call.failed);
  const syncs = calls.filter((call) => call.name === "fdatasync" || call.name === "fsync");
  return [...uids].filter((uid) => {
    const told = leaving.find((call) => call.text.includes(uid));
    if (told === undefined) return true;
    const bytes = uid.replaceAll("-", "").replaceAll(/../g, String.raw`\x$&`);
    return !writes.some((write) => {
      if (write.end > told.begin || !write.text.includes(bytes)) return false;
      const sync = syncs.find((one) => one.path === write.path && one.begin > write.end);
      return sync !== undefined && !sync.failed && sync.end < told.begin;
    });
  });
}

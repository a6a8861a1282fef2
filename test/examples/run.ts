import { spawn, type ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export const EXAMPLES: string = join(import.meta.dirname, "../../examples");

export interface Started {
  readonly child: ChildProcess;
  /** What it has said on stderr so far. */
  said(): string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/** Starts an example as its README has it; `input` is what stands on its standard input. */
export function start(
  file: string,
  args: readonly string[],
  { input = "", cwd = EXAMPLES }: { readonly input?: string; readonly cwd?: string } = {},
): Started {
  const child = spawn(process.execPath, [join(EXAMPLES, file), ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const ended = Promise.all([closed, text(child.stdout)]).then(([code, stdout]) => ({
    code,
    stdout,
    stderr,
  }));
  return { child, said: () => stderr, ended };
}

/** The blocks of a README that show what a program prints. */
export async function shownIn(readme: string): Promise<readonly string[]> {
  const markdown = await readFile(join(EXAMPLES, readme), "utf8");
  return [...markdown.matchAll(/^```text\n([^]*?)^```$/gm)].map(([, block = ""]) => block);
}

/** Puts the same in place of what differs from run to run: identities, times, and which failure was the newest. */
export function steady(output: string): string {
  return output
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UID")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, "TIME")
    .replaceAll(/(\+|in )\d+(\.\d+)? m?s\b/g, "$1TIME")
    .replaceAll(/"-\d+\.\d\d" is no total/g, '"-TOTAL" is no total')
    .trim();
}

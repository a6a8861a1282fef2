import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";

/** The repository's folder. */
export const root: string = join(import.meta.dirname, "..");

export interface Finished {
  readonly code: number;
  /** What it printed, if that was kept. */
  readonly output: string;
}

/**
 * Runs a program of the repository's own `node_modules/.bin`, before any of the machine's, so that scripts started by
 * an older Node still get the one that the project is developed on.
 */
export function run(
  command: string,
  argv: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly keep?: boolean;
    readonly cwd?: string;
  } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, {
      cwd: options.cwd ?? root,
      env: {
        ...process.env,
        ...options.env,
        PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env["PATH"]}`,
      },
      stdio: [
        "ignore",
        options.keep === true ? "pipe" : "inherit",
        options.keep === true ? "pipe" : "inherit",
      ],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

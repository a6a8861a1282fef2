import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** Starts a program that says a word once it is up, to be killed: by the end of the test, if that is broken off. */
export async function startHost(file: string, argv: readonly string[]): Promise<ChildProcess> {
  const host = spawn(process.execPath, [file, ...argv], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => endHost(host, "SIGKILL"));
  const exit = once(host, "exit").then(([code]) => Promise.reject(new Error(`the host ended with ${code}`)));
  exit.catch(() => undefined);
  await Promise.race([once(host.stdout, "data"), exit]);
  return host;
}

export async function endHost(host: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  if (host.exitCode !== null || host.signalCode !== null) return;
  host.kill(signal);
  await once(host, "exit");
}

/** Starts a program in a folder, to be ended. */
export function startProgram(file: string, cwd: string): ChildProcess {
  return spawn(process.execPath, [file], { cwd, stdio: ["ignore", "ignore", "inherit"] });
}

// How long a program of Node takes to start and end, in milliseconds.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";

const runFile = promisify(execFile);

await takeSample(async ({ argv, times }: { readonly argv: readonly string[]; readonly times: number }) => {
  const taken: number[] = [];
  for (let count = 0; count <= times; count++) {
    const start = performance.now();
    await runFile(process.execPath, [...argv]);
    if (count > 0) taken.push(performance.now() - start);
  }
  return { median: percentile(taken, 0.5) };
});

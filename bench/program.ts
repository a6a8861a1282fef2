// What the programs that take samples have in common: options come as JSON, figures go out as JSON.
import { rm } from "node:fs/promises";
import { makeFolder } from "./scenario.ts";

/** Runs a sample in a folder of its own on the disk to be measured, and prints what it measured. */
export async function takeSample(
  measure: (options: never, folder: string) => Promise<object>,
): Promise<void> {
  const folder = await makeFolder();
  try {
    const measured = await measure(JSON.parse(process.argv[2] ?? "{}") as never, folder);
    process.stdout.write(`${JSON.stringify(measured)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

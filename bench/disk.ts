import { mkdtemp, rm } from "node:fs/promises";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { figure, type Figure } from "./scenario.ts";

/** How long an fdatasync takes after a small append, in milliseconds: what the disk under the figures can do. */
export async function measureDisk(): Promise<Figure> {
  const folder = await mkdtemp(join(process.env["BENCH_DIR"] ?? tmpdir(), "sluice-bench-"));
  const fd = openSync(join(folder, "appended"), "a");
  const record = Buffer.alloc(200, "x");
  const times: number[] = [];
  for (let count = 0; count < 1_000; count++) {
    const start = performance.now();
    writeSync(fd, record);
    fdatasyncSync(fd);
    times.push(performance.now() - start);
  }
  closeSync(fd);
  await rm(folder, { recursive: true });
  return figure(times);
}

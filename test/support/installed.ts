import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const root = new URL("../../", import.meta.url);

/**
 * Lets a folder find sluice, and zod, as if they were installed there, with sluice's sources in place of what is built of
 * them.
 */
export function installSluice(folder: string): void {
  const place = join(folder, "node_modules/sluice");
  mkdirSync(place, { recursive: true });
  const exports = { ".": "./src/index.ts", "./testing": "./src/testing/index.ts" };
  writeFileSync(join(place, "package.json"), JSON.stringify({ name: "sluice", type: "module", exports }));
  symlinkSync(new URL("src", root), join(place, "src"));
  symlinkSync(new URL("node_modules/zod", root), join(folder, "node_modules/zod"));
}

/** Runs the tests of a folder as a user would: `node --test`. */
export async function runNodeTests(folder: string): Promise<{ code: number | null; said: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, ["--test"], { cwd: folder, env });
  const [[code], said] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    text(child.stdout),
  ]);
  return { code, said };
}

import { execFile } from "node:child_process";
import { mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
const LOCK = join(ROOT, "node_modules/.sluice-build");
/** Longer than a build takes, in milliseconds: who held the lock for so long is dead. */
const STALE = 120_000;

/** Builds the package unless it is built as its sources are; test files that ask at once do not disturb each other. */
export async function ensureBuilt(): Promise<void> {
  while (!(await tryLock())) await new Promise((resolve) => setTimeout(resolve, 100));
  try {
    if (await isBuilt()) return;
    await promisify(execFile)(process.execPath, ["scripts/build.ts"], { cwd: ROOT });
  } finally {
    await rmdir(LOCK);
  }
}

async function tryLock(): Promise<boolean> {
  try {
    await mkdir(LOCK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (Date.now() - (await changedAt(LOCK)) > STALE) await rmdir(LOCK).catch(() => undefined);
    return false;
  }
}

async function isBuilt(): Promise<boolean> {
  const builtAt = await changedAt(join(ROOT, "dist/cli/main.js"));
  const entries = await Promise.all(
    ["src", "ui"].map(async (folder) => {
      const found = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
      return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  const times = await Promise.all([...entries.flat(), join(ROOT, "package.json")].map(changedAt));
  return times.every((time) => time <= builtAt);
}

/** 0 for what is not there. */
async function changedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

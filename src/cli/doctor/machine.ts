import { randomUUID } from "node:crypto";
import { open, rm, stat, statfs } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { failed, ok, warning, type Finding } from "./finding.ts";

const MEGABYTE = 1_048_576;
const LITTLE_SPACE = 1_024 * MEGABYTE;
const NO_SPACE = 100 * MEGABYTE;
const SLOW_SYNC = 50;
const LARGE_WAL = 512 * MEGABYTE;

/** Older ones were refused before this could run. */
export function checkNode(): Finding {
  return ok("node", `Node ${process.versions.node} with SQLite ${String(process.versions["sqlite"])}`);
}

/** Times that are far off make retries wait and cron fire at the wrong moment. */
export function checkClock(newestEvent: number | undefined, now: number = Date.now()): Finding {
  const cure = "set the machine's clock, by chrony or systemd-timesyncd for example";
  if (new Date(now).getUTCFullYear() < 2_026) {
    return failed("clock", `it is ${new Date(now).toISOString()} here, which cannot be`, cure);
  }
  const ahead = newestEvent === undefined ? 0 : newestEvent - now;
  if (ahead > 60_000) {
    return warning(
      "clock",
      `the newest event of the journal is ${Math.round(ahead / 1_000)} s in the future: the clock was set back, or its sender's is wrong`,
      cure,
    );
  }
  return ok("clock", new Date(now).toISOString());
}

/** Writes a little file where the journal is, or will be, and syncs it: that is what each commit does. */
export async function checkDisk(journal: string): Promise<readonly Finding[]> {
  const folder = existingFolder(dirname(journal));
  return [await checkSync(folder), await checkSpace(folder), ...(await checkWal(journal))];
}

async function checkSync(folder: string): Promise<Finding> {
  const path = join(folder, `.sluice-doctor-${randomUUID()}`);
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile("sluice");
      const started = performance.now();
      await file.sync();
      const took = performance.now() - started;
      const message = `a sync in ${folder} takes ${took.toFixed(1)} ms`;
      if (took <= SLOW_SYNC) return ok("sync", message);
      return warning("sync", message, "every commit waits for that: put the journal on a faster disk");
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
  } catch (error) {
    return failed(
      "sync",
      `${folder} cannot be written and synced: ${(error as Error).message}`,
      "make it writable for this user, or name a journal elsewhere",
    );
  }
}

async function checkSpace(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const message = `${Math.round(free / MEGABYTE)} MB are free in ${folder}`;
  const cure = "free some space, or set retention.max_size so that the journal stays within it";
  if (free < NO_SPACE) return failed("disk", message, cure);
  return free < LITTLE_SPACE ? warning("disk", message, cure) : ok("disk", message);
}

async function checkWal(journal: string): Promise<readonly Finding[]> {
  const log = await stat(`${journal}-wal`).catch(() => undefined);
  if (log === undefined || log.size < LARGE_WAL) return [];
  return [
    warning(
      "write-ahead log",
      `${journal}-wal has grown to ${Math.round(log.size / MEGABYTE)} MB`,
      "something reads the journal and never ends; end it, or restart the pipeline",
    ),
  ];
}

function existingFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existingFolder(dirname(folder));
}

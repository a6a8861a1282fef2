import { existsSync, mkdirSync, realpathSync, statfsSync, statSync } from "node:fs";
import path from "node:path";
import { SluiceError } from "../../model/errors.ts";
import type { Logger } from "../../model/logger.ts";

/** `f_type` of statfs(2) and linux/magic.h; file systems whose locks and syncs cannot be relied on. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff53_4d42, "CIFS"],
  [0xfe53_4d42, "SMB2"],
  [0x517b, "SMB"],
  [0x00c3_6400, "Ceph"],
  [0x5346_414f, "AFS"],
  [0x0102_1997, "9p"],
  [0x0bd0_0bd0, "Lustre"],
  [0x4750_4653, "GPFS"],
]);

/** Those that keep nothing, or not for long. */
const PASSING: ReadonlyMap<number, string> = new Map([
  [0x0102_1994, "tmpfs: it is gone when the machine restarts"],
  [0x8584_58f6, "ramfs: it is gone when the machine restarts"],
  [0x794c_7630, "overlay: in a container, it is gone with the container; mount a volume"],
]);

/**
 * The real path of the journal's file; its folder is made if it is missing. The same file has one path, whatever
 * links lead to it, so that its lock has one, too.
 *
 * @throws SluiceError JOURNAL_UNSUPPORTED for what is no plain file, and on a network file system; JOURNAL_IO if the folder cannot be made
 */
export function prepareFile(file: string, logger: Logger): string {
  const folder = path.dirname(path.resolve(file));
  try {
    makeFolder(folder);
  } catch (cause) {
    throw new SluiceError(
      "JOURNAL_IO",
      `the journal's folder ${folder} cannot be made: ${(cause as Error).message}`,
      { cause },
    );
  }
  const real = existsSync(file) ? realpathSync(file) : path.join(realpathSync(folder), path.basename(file));
  checkFile(real);
  const type = Number(statfsSync(path.dirname(real)).type) >>> 0;
  const network = NETWORK.get(type);
  if (network !== undefined) {
    throw new SluiceError(
      "JOURNAL_UNSUPPORTED",
      `${real} is on ${network}, a network file system, where SQLite loses data; put the journal on a local disk`,
    );
  }
  const passing = PASSING.get(type);
  if (passing !== undefined) logger.warn({ journal: real }, `the journal is on ${passing}`);
  return real;
}

/** Node's own way to make parents, too, tries for ever where one can neither be found nor made, as under /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been faster.
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

/** By its second name a file would have a second lock and a second write-ahead log. */
function checkFile(file: string): void {
  const status = statSync(file, { throwIfNoEntry: false });
  if (status === undefined || (status.isFile() && status.nlink === 1)) return;
  const why = status.isFile()
    ? `has ${status.nlink} names (hard links), so that two owners could lose each other's events; remove the others, or copy it`
    : "is no regular file; name another one";
  throw new SluiceError("JOURNAL_UNSUPPORTED", `journal ${file} ${why}`, { details: { path: file } });
}

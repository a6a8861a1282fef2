import { statSync } from "node:fs";
import { SluiceError } from "../../model/errors.ts";

/**
 * Watches over a journal that is open. SQLite goes on writing to a file that was removed, moved, or replaced: nobody
 * will find there what was acknowledged.
 *
 * @returns a check that throws SluiceError JOURNAL_IO if the file, or its write-ahead log, is no longer in its place
 */
export function watchOver(path: string): () => void {
  const inodes = [path, `${path}-wal`].map((file) => [file, inodeOf(file)] as const);
  return () => {
    for (const [file, inode] of inodes) {
      if (inodeOf(file) === inode) continue;
      throw new SluiceError(
        "JOURNAL_IO",
        `${file} was removed, moved or replaced while the journal was open; nothing is kept until it is back`,
        { details: { path, file } },
      );
    }
  };
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
}

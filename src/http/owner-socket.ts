import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { realpathSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { SluiceError } from "../model/errors.ts";

/** `sockaddr_un` holds 108 bytes on Linux and 104 on macOS (unix(7)), with a NUL at the end. */
const LONGEST_PATH = 100;

/**
 * Where the owner of a journal listens: `<journal>.sock` beside it. A path too long for a socket is replaced by
 * one in `sluice-<uid>` (mode 0700) under the folder for temporary files, named by a hash of the journal's path.
 */
export function ownerSocketPath(journalPath: string): string {
  const real = realPath(journalPath);
  const beside = `${real}.sock`;
  if (Buffer.byteLength(beside) <= LONGEST_PATH) return beside;
  const name = createHash("sha256").update(real).digest("hex").slice(0, 32);
  return join(tmpdir(), `sluice-${userInfo().uid}`, `${name}.sock`);
}

/** The same for every name that leads to the journal. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** @throws SluiceError LISTENER_FAILED if the folder is somebody else's, who could then pose as the owner */
export async function checkPrivateFolder(folder: string): Promise<void> {
  const status = await lstat(folder);
  const { uid } = userInfo();
  if (status.isDirectory() && status.uid === uid && (status.mode & 0o077) === 0) return;
  throw new SluiceError(
    "LISTENER_FAILED",
    `${folder} must be a folder of this user alone (mode 0700); remove it`,
    {
      details: { address: folder },
    },
  );
}

/**
 * The socket of the process that owns a journal; `undefined` if nobody answers there.
 *
 * @throws SluiceError LISTENER_FAILED if it lies in a folder that others can write to
 */
export async function findOwnerSocket(journalPath: string): Promise<string | undefined> {
  const path = ownerSocketPath(journalPath);
  const status = await lstat(path).catch(() => undefined);
  if (status?.isSocket() !== true) return undefined;
  if (dirname(path) !== dirname(realPath(journalPath))) await checkPrivateFolder(dirname(path));
  return (await answers(path)) ? path : undefined;
}

/** Whether somebody listens at a socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      settle(true);
    });
    socket.once("error", () => settle(false));
  });
}

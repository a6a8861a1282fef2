import { chmod, lstat, mkdir, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { SluiceError } from "../model/errors.ts";
import type { FetchHandler } from "./api.ts";
import { listen, type Listener } from "./listen.ts";
import { answers, checkPrivateFolder, ownerSocketPath, realPath } from "./owner-socket.ts";

/**
 * Serves a handler to who may open the journal's own files: mode 0600. A socket that a dead owner left is
 * removed, but only once nobody answered it.
 *
 * @throws SluiceError LISTENER_FAILED
 */
export async function listenOnOwnerSocket(fetch: FetchHandler, journalPath: string): Promise<Listener> {
  const path = ownerSocketPath(journalPath);
  if (dirname(path) !== dirname(realPath(journalPath))) await makePrivateFolder(dirname(path));
  await removeStale(path);
  const listener = await restricted(() => listen(fetch, { path }));
  await chmod(path, 0o600);
  return listener;
}

/** Binding makes the file; with this mask it is never open to others, not even for a moment. */
function restricted<T>(bind: () => Promise<T>): Promise<T> {
  let mask: number;
  try {
    mask = process.umask(0o177);
  } catch {
    return bind(); // A worker thread may not set it.
  }
  const bound = bind();
  process.umask(mask);
  return bound;
}

async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkPrivateFolder(folder);
}

async function removeStale(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return;
  if (!status.isSocket()) throw inTheWay(path, "is in the way of the owner's socket; remove it");
  if (await answers(path))
    throw inTheWay(path, "is answered by another process, though this one owns the journal");
  await unlink(path);
}

function inTheWay(path: string, why: string): SluiceError {
  return new SluiceError("LISTENER_FAILED", `${path} ${why}`, { details: { address: path } });
}

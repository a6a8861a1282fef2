import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";

/** Bytes at either end of what was told of a followed file that must be as they were. */
const EDGE = 1_024;
const CHUNK = 256 * 1_024;

/**
 * What a file's beginning is known again by: its hash. Of a file that only grows, that of the two ends of what was told
 * is enough, and does not cost more the longer it gets.
 */
export function proofOf(hash: Hash): string {
  return hash.copy().digest("base64url");
}

/** A followed file's. */
export async function edgesOf(file: FileHandle, offset: number): Promise<string> {
  const head = await readAt(file, 0, Math.min(EDGE, offset));
  const tail = await readAt(file, Math.max(0, offset - EDGE), Math.min(EDGE, offset));
  return `edges:${createHash("sha256").update(head).update(tail).digest("base64url")}`;
}

/**
 * Whether a file still begins with what a proof was made of. Answers the hash of that beginning, to go on with, if it was
 * made; `undefined` if the file has become another.
 */
export async function recognize(
  file: FileHandle,
  { proof, offset }: { readonly proof: string; readonly offset: number },
  signal: AbortSignal,
): Promise<{ readonly hash: Hash | undefined } | undefined> {
  if (proof.startsWith("edges:"))
    return (await edgesOf(file, offset)) === proof ? { hash: undefined } : undefined;
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(CHUNK);
  for (let at = 0; at < offset;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, offset - at), at);
    if (bytesRead === 0) return undefined;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  return proofOf(hash) === proof ? { hash } : undefined;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

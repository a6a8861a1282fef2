import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { EventInit } from "../../model/event.ts";
import { isoTime } from "../../model/event.ts";
import { readJson, withoutMark } from "./decode.ts";
import { invalidFile } from "./faults.ts";
import type { FileView } from "./view.ts";
import { proofOf } from "./proof.ts";

const CHUNK = 256 * 1_024;

export interface WholeFile {
  readonly proof: string;
  readonly size: number;
  /** What its event says of it. */
  readonly says: Pick<EventInit, "data" | "headers">;
  /** Why it says nothing. */
  readonly fault: Error | undefined;
}

/** Reads a file to its end: its hash, and of text and JSON the content. */
export async function readWhole(
  look: FileView,
  location: string,
  file: FileHandle,
  modified: number,
): Promise<WholeFile> {
  const { options, signal, maxBytes } = look;
  const hash = createHash("sha256");
  const kept: Buffer[] = [];
  let size = 0;
  for (;;) {
    signal.throwIfAborted();
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, size);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    hash.update(chunk);
    size += bytesRead;
    if (options.read !== "none" && size <= maxBytes) kept.push(chunk);
  }
  const proof = proofOf(hash);
  const sha256 = hash.digest("hex");
  if (options.read === "none") {
    const data = { path: look.place.absolute(location), size, modified: isoTime(modified), sha256 };
    return { proof, size, says: { data }, fault: undefined };
  }
  const content =
    size > maxBytes
      ? { fault: `it has ${size} bytes, more than max_bytes (${maxBytes})` }
      : parse(options.read, Buffer.concat(kept));
  if ("fault" in content)
    return { proof, size, says: {}, fault: invalidFile(location, undefined, content.fault) };
  return { proof, size, says: { data: content.data, headers: { sha256 } }, fault: undefined };
}

function parse(read: string, bytes: Buffer): { readonly data: unknown } | { readonly fault: string } {
  if (!isUtf8(bytes)) return { fault: "it is not valid UTF-8" };
  const text = withoutMark(bytes).toString("utf8");
  return read === "json" ? readJson(text) : { data: text };
}

import { SluiceError } from "../../model/errors.ts";

/** Bytes that a body may have. */
export const MAX_BODY: number = 1024 * 1024;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a body as it came, and no more of it than it may have.
 *
 * @throws SluiceError PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE if it is compressed, BAD_REQUEST if it breaks off
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "") {
    throw new SluiceError(
      "UNSUPPORTED_MEDIA_TYPE",
      "a compressed body is not taken; send it without Content-Encoding",
    );
  }
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > MAX_BODY) throw tooLarge();
  try {
    // The HTTP parser holds a sender to the length it announced, so the short way is as safe as the long one.
    if (announced === null) return await readCounting(request.body);
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > MAX_BODY) throw tooLarge();
    return body;
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError("BAD_REQUEST", "the body broke off", { cause });
  }
}

async function readCounting(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > MAX_BODY) {
      // Not awaited: how the rest is thrown away is the server's affair.
      reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    parts.push(part.value);
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** @throws SluiceError BAD_REQUEST if the bytes are not UTF-8 or not JSON */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) throw new SluiceError("BAD_REQUEST", "the body is empty; send a JSON object");
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    throw new SluiceError("BAD_REQUEST", "the body is not valid UTF-8", { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new SluiceError("BAD_REQUEST", `the body is not JSON: ${(cause as Error).message}`, { cause });
  }
}

function tooLarge(): SluiceError {
  return new SluiceError("PAYLOAD_TOO_LARGE", `a body may have ${MAX_BODY} bytes`);
}

import { SluiceError } from "./errors.ts";

/**
 * Reads the body of a request as it came, and no more of it than it may have.
 *
 * @param limit bytes
 * @throws SluiceError PAYLOAD_TOO_LARGE, or BAD_REQUEST if it breaks off
 */
export async function readRequestBody(request: Request, limit: number): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > limit) throw tooLarge(limit);
  try {
    // The HTTP parser holds a sender to the length it announced, so the short way is as safe as the long one.
    if (announced === null) return await readCounting(request.body, limit);
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > limit) throw tooLarge(limit);
    return body;
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError("BAD_REQUEST", "the body broke off", { cause });
  }
}

async function readCounting(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array();
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > limit) {
      // Not awaited: how the rest is thrown away is the server's affair.
      reader.cancel().catch(() => undefined);
      throw tooLarge(limit);
    }
    parts.push(part.value);
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : concat(parts, size);
}

function concat(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function tooLarge(limit: number): SluiceError {
  return new SluiceError("PAYLOAD_TOO_LARGE", `a body may have ${limit} bytes`);
}

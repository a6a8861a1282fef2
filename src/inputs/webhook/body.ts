import { SluiceError } from "../../model/errors.ts";
import { readRequestBody } from "../../model/request-body.ts";

/** Bytes that a body may have. */
const MAX_BODY = 1024 * 1024;
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
  return readRequestBody(request, MAX_BODY);
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

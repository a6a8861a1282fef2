import { SluiceError } from "../model/errors.ts";
import { readRequestBody } from "../model/request-body.ts";
import { didYouMean } from "../model/suggest.ts";
import { badRequest } from "./problem.ts";

/** Longest body that the API reads, in bytes. */
const BODY_LIMIT = 1_048_576;
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json$/;
const UTF8 = /^"?utf-?8"?$/;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a body that must be a JSON object.
 *
 * @throws SluiceError UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, BAD_REQUEST
 */
export async function readObject(request: Request): Promise<JsonObject> {
  const type = request.headers.get("content-type");
  if (type === null) throw notJson("it has no content type");
  checkContentType(request, type);
  return parseObject(await readRequestBody(request, BODY_LIMIT));
}

/** As `readObject`, but no body at all, with no type or that of JSON, reads as `{}`. */
export async function readOptionalObject(request: Request): Promise<JsonObject> {
  const type = request.headers.get("content-type");
  if (type !== null) checkContentType(request, type);
  const body = await readRequestBody(request, BODY_LIMIT);
  if (body.length === 0) return {};
  if (type === null) throw notJson("it has no content type");
  return parseObject(body);
}

/** @throws SluiceError BAD_REQUEST for a key that is not among `allowed` */
export function refuseUnknownKeys(object: JsonObject, allowed: readonly string[], what: string): void {
  for (const key of Object.keys(object)) {
    if (allowed.includes(key)) continue;
    throw badRequest(
      `${JSON.stringify(key)} is not a key of ${what}: there are ${allowed.join(", ")}${didYouMean(key, allowed)}`,
    );
  }
}

function checkContentType(request: Request, type: string): void {
  const [media = "", ...parameters] = type.split(";").map((part) => part.trim().toLowerCase());
  if (!JSON_TYPE.test(media)) throw notJson(`it is ${JSON.stringify(media)}`);
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice(8);
  if (charset !== undefined && !UTF8.test(charset))
    throw notJson(`its charset is ${JSON.stringify(charset)}`);
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw notJson(`it is compressed (${JSON.stringify(encoding)})`);
  }
}

function notJson(why: string): SluiceError {
  return new SluiceError(
    "UNSUPPORTED_MEDIA_TYPE",
    `the body must be plain application/json in UTF-8, but ${why}`,
  );
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function parseObject(body: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch {
    throw badRequest("the body is not JSON in UTF-8");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw badRequest("the body must be a JSON object");
}

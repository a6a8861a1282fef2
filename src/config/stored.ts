import { SluiceError, isSluiceError } from "../model/errors.ts";
import type { LoadOptions } from "./load.ts";
import { parseParts } from "./load.ts";
import type { Pipeline } from "./pipeline.ts";
import { createRedactor } from "./references.ts";
import { withTopOf } from "./top-of.ts";
import { INDEX_KEY, textKey, type StoredText, type VersionIndex } from "./versions.ts";

/**
 * What a pipeline starts with whose file says `managed_by = "api"`: the components and links that were applied last,
 * under the file's own top. Of any other, and until something was applied, the file itself.
 *
 * @param read what the journal keeps of the pipeline itself, by key
 * @throws SluiceError as `loadPipeline`, if what was applied is not valid here any more
 */
export async function withStored(
  file: Pipeline,
  read: (key: string) => string | undefined,
  options: LoadOptions,
): Promise<{ readonly pipeline: Pipeline; readonly version: number | null }> {
  const ofFile = { pipeline: file, version: null };
  if (file.managedBy !== "api" || file.document === null) return ofFile;
  const index = parse(read(INDEX_KEY)) as VersionIndex | undefined;
  const last = index?.versions[0];
  const stored = last && (parse(read(textKey(last.version))) as StoredText | undefined);
  if (last === undefined || stored === undefined) return ofFile;
  try {
    const parts = await parseParts(stored, options);
    const secrets = new Set([...file.secrets, ...parts.secrets]);
    const pipeline = { ...withTopOf(file, parts), secrets, redact: createRedactor(secrets) };
    return { pipeline, version: last.version };
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    const what = `version ${last.version} of the pipeline, which was applied last, is not valid here`;
    throw new SluiceError(error.code, `${what}: ${error.message}`, { cause: error, details: error.details });
  }
}

function parse(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

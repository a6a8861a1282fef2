import type { PipelineDocument } from "./pipeline.ts";

/** What is kept of a version. */
export interface StoredVersion {
  readonly version: number;
  readonly hash: string;
  readonly at: string;
  readonly by: string;
  readonly how: string;
}

/** A process that was removed, whose runs were not over yet. */
export interface Leaving {
  readonly process: string;
  readonly open: "drain" | "cancel";
  /** The version that had it last. */
  readonly version: number;
}

/** Which versions there are, the newest first, and what is on its way out. */
export interface VersionIndex {
  readonly versions: readonly StoredVersion[];
  readonly leaving: readonly Leaving[];
}

/** A text that was applied, and the file that relative paths start from. */
export interface StoredText extends Pick<PipelineDocument, "text" | "format"> {
  readonly file: string;
}

/** Versions that are kept. */
const LIMIT = 50;

export const NO_VERSIONS: VersionIndex = { versions: [], leaving: [] };

/** Keys of the pipeline's own state in the journal. */
export const INDEX_KEY = "versions";
export const textKey = (version: number): string => `version/${version}`;

/** A version that is to be written: the index as it will be then, and what to put under which key. */
export interface RecordedVersion {
  readonly index: VersionIndex;
  readonly state: Record<string, string | null>;
}

/** What is to be written when a version comes into force: the index, its text, and the removal of the oldest ones. */
export function recordVersion(
  index: VersionIndex,
  version: StoredVersion,
  text: StoredText,
  leaving: readonly Leaving[],
): RecordedVersion {
  const all = [version, ...index.versions.filter((other) => other.version !== version.version)];
  const needed = new Set(leaving.map((one) => one.version));
  const kept = all.filter((other, place) => place < LIMIT || needed.has(other.version));
  const dropped = all.filter((other) => !kept.includes(other));
  const next = { versions: kept, leaving };
  const state = {
    [INDEX_KEY]: JSON.stringify(next),
    [textKey(version.version)]: JSON.stringify(text),
    ...Object.fromEntries(dropped.map((other) => [textKey(other.version), null])),
  };
  return { index: next, state };
}

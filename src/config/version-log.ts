import { basename, resolve } from "node:path";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { SluiceError } from "../model/errors.ts";
import { isoTime } from "../model/event.ts";
import { PIPELINE_OWNER } from "../model/name.ts";
import { revisionOf, type Pipeline } from "./pipeline.ts";
import {
  INDEX_KEY,
  NO_VERSIONS,
  recordVersion,
  textKey,
  type Leaving,
  type RecordedVersion,
  type StoredText,
  type StoredVersion,
  type VersionIndex,
} from "./versions.ts";

/** The versions of one pipeline, as its journal keeps them. */
export class VersionLog {
  readonly #orchestrator: Pick<Orchestrator, "journal">;
  #index: VersionIndex = NO_VERSIONS;

  constructor(orchestrator: Pick<Orchestrator, "journal">) {
    this.#orchestrator = orchestrator;
  }

  /** Newest first. */
  get versions(): readonly StoredVersion[] {
    return this.#index.versions;
  }

  get leaving(): readonly Leaving[] {
    return this.#index.leaving;
  }

  async open(): Promise<void> {
    this.#index = (await this.#read<VersionIndex>(INDEX_KEY)) ?? NO_VERSIONS;
  }

  before(version: number): number | undefined {
    return this.versions.find((other) => other.version < version)?.version;
  }

  async textOf(version: number): Promise<StoredText | undefined> {
    return this.#read(textKey(version));
  }

  /** What is to be written when a pipeline becomes this one. Without `row`, a known version stays as it was said. */
  record(
    version: number,
    pipeline: Pipeline,
    row: Pick<StoredVersion, "by" | "how"> | undefined,
    leaving: readonly Leaving[],
  ): RecordedVersion {
    const known = this.versions.find((other) => other.version === version);
    const { by, how } = row ?? known ?? { by: "start", how: "start" };
    const stored = { version, hash: revisionOf(pipeline), at: isoTime(Date.now()), by, how };
    const { text, format } = pipeline.document ?? { text: "", format: "json" };
    return recordVersion(this.#index, stored, { text, format, file: ownFile(pipeline) }, leaving);
  }

  async write({ index, state }: RecordedVersion): Promise<void> {
    const puts = Object.entries(state).map(([key, value]) => ({ owner: PIPELINE_OWNER, key, value }));
    await this.#orchestrator.journal.work.commit({ state: puts });
    this.#index = index;
  }

  /** What was recorded has been written by somebody else, with the change that it tells of. */
  confirm({ index }: RecordedVersion): void {
    this.#index = index;
  }

  /** These processes are gone. */
  async clear(processes: readonly string[]): Promise<void> {
    const leaving = this.leaving.filter(({ process }) => !processes.includes(process));
    const index = { ...this.#index, leaving };
    await this.write({ index, state: { [INDEX_KEY]: JSON.stringify(index) } });
  }

  noVersion(wanted: number | undefined): SluiceError {
    const kept = this.versions.map(({ version }) => version).join(", ");
    const what =
      wanted === undefined ? "there is no version before this one" : `there is no version ${wanted}`;
    return new SluiceError("NOT_FOUND", `${what}; the journal keeps ${kept === "" ? "none" : kept}`);
  }

  async #read<T>(key: string): Promise<T | undefined> {
    const entry = await this.#orchestrator.journal.work.readState(PIPELINE_OWNER, key);
    return entry && (JSON.parse(entry.value) as T);
  }
}

/** Where a pipeline's file is, whether or not it was read from there. */
export function ownFile({ directory, file }: Pick<Pipeline, "directory" | "file">): string {
  return resolve(directory, basename(file));
}

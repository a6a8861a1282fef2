import { existsSync } from "node:fs";
import type { ConfigIssue } from "../config/issue.ts";
import { formatIssue } from "../config/issue.ts";
import { loadPipeline } from "../config/load.ts";
import type { Pipeline } from "../config/pipeline.ts";
import { createRegistry, type Registry } from "../config/registry.ts";
import { withStored } from "../config/stored.ts";
import { openHistory } from "../journal/sqlite/open-history.ts";
import { PIPELINE_OWNER } from "../model/name.ts";
import { BUILT_IN_KINDS } from "./kinds.ts";
import { hint } from "./output.ts";

/** The kinds that a config file may name. */
export const registry: Registry = createRegistry(BUILT_IN_KINDS);

/** Reads and checks all of a config file; says its warnings. @throws SluiceError, see `loadPipeline` */
export async function load(file: string): Promise<Pipeline> {
  const pipeline = await loadPipeline(file, { registry });
  for (const warning of pipeline.warnings) hint(formatWarning(warning));
  return pipeline;
}

/** What a pipeline starts with: its file, or the version that was applied last. */
export async function takeStored(file: Pipeline): ReturnType<typeof withStored> {
  const path = file.journal.startsWith("sqlite:") ? file.journal.slice("sqlite:".length) : undefined;
  if (file.managedBy !== "api" || path === undefined || !existsSync(path))
    return { pipeline: file, version: null };
  const journal = openHistory(path);
  try {
    return await withStored(file, (key) => journal.state(PIPELINE_OWNER, key), { registry });
  } finally {
    journal.close();
  }
}

function formatWarning(issue: ConfigIssue): string {
  return `${formatIssue(issue)} (a warning)`;
}

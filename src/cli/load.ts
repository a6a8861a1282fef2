import type { ConfigIssue } from "../config/issue.ts";
import { formatIssue } from "../config/issue.ts";
import { loadPipeline } from "../config/load.ts";
import type { Pipeline } from "../config/pipeline.ts";
import { createRegistry, type Registry } from "../config/registry.ts";
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

function formatWarning(issue: ConfigIssue): string {
  return `${formatIssue(issue)} (a warning)`;
}

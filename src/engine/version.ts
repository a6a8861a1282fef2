import { createHash } from "node:crypto";
import type { Work } from "../journal/work.ts";

const OWNER = "$pipeline";
const KEY = "version";

/**
 * The pipeline's version: counts from 1, kept in the journal, and grows whenever the pipeline is not what it was.
 * Every attempt records the one that it began under.
 */
export async function pipelineVersion(work: Work, description: unknown): Promise<number> {
  const hash = createHash("sha256").update(JSON.stringify(description)).digest("hex");
  const entry = await work.readState(OWNER, KEY);
  const last =
    entry === undefined ? undefined : (JSON.parse(entry.value) as { version: number; hash: string });
  if (last?.hash === hash) return last.version;
  const version = (last?.version ?? 0) + 1;
  await work.commit({ state: [{ owner: OWNER, key: KEY, value: JSON.stringify({ version, hash }) }] });
  return version;
}

import { resolve } from "node:path";
import { formatOf, readText } from "../config/source.ts";
import { SluiceError } from "../model/errors.ts";
import type { Client } from "./client.ts";
import { DEFAULT_FILE, type Target } from "./locate.ts";

export interface ProposalOptions extends Target {
  /** A number as text; `true` for the version before. */
  readonly rollback?: string | true;
}

/**
 * Which pipeline is meant: if nothing says it, the one of the file itself, where that names one.
 */
export function targetOf(file: string | undefined, options: ProposalOptions): Target {
  const { config, journal, url } = options;
  const isSaid = config !== undefined || journal !== undefined || url !== undefined;
  return isSaid || file === undefined ? options : { ...options, config: file };
}

/** What is to be sent: the text of a file, or the number of a version. @throws SluiceError CONFIG_NOT_FOUND … */
export async function readProposal(
  file: string | undefined,
  { rollback }: ProposalOptions,
  { isOwner }: Client,
): Promise<Readonly<Record<string, unknown>>> {
  if (rollback !== undefined) {
    if (file !== undefined) {
      throw new SluiceError("INVALID_OPTIONS", "--rollback goes back to a version: leave the file away");
    }
    return { rollback: rollback === true ? null : readVersion(rollback) };
  }
  const path = file ?? DEFAULT_FILE;
  const format = formatOf(path);
  if (format === "module") {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `${path} is a module, whose code is not sent to a pipeline that runs: check it with "sluice validate ${path}", then stop the pipeline and run it again (what is queued is kept), or write it as TOML, YAML or JSON`,
    );
  }
  const source = await readText(path);
  return isOwner ? { source, format, file: resolve(path) } : { source, format };
}

function readVersion(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new SluiceError(
    "INVALID_OPTIONS",
    `--rollback takes the number of a version, not ${JSON.stringify(text)}; "sluice plan --versions" lists them`,
  );
}

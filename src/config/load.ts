import { dirname, resolve } from "node:path";
import type { Pipeline, PipelineDocument } from "./pipeline.ts";
import type { Registry } from "./registry.ts";
import { formatOf, parseSource, readText, type ConfigFormat, type Source } from "./source.ts";
import { withoutTop } from "./top-of.ts";
import { validate } from "./validate.ts";

export interface LoadOptions {
  /** The kinds that the file may name. */
  readonly registry: Registry;
  /** What `${env:…}` refers to. Defaults to the environment of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads a config file and checks all of it: TOML, YAML or JSON, or a TypeScript or JavaScript module that
 * default-exports a pipeline. References are resolved, components are made, nothing is started.
 *
 * @throws SluiceError whose `details.issues` hold all that is wrong, with file, line and column; see `configIssues`
 */
export async function loadPipeline(file: string, options: LoadOptions): Promise<Pipeline> {
  const format = formatOf(file);
  if (format !== "module") return parsePipeline(await readText(file), { ...options, file, format });
  const { loadModule } = await import("./module.ts");
  return check(await loadModule(file), options, dirname(resolve(file)), true);
}

/** As `loadPipeline`, for a text that is there already. */
export async function parsePipeline(
  text: string,
  options: LoadOptions & {
    /** For messages, and for the folder that relative paths start from; need not exist. */
    readonly file: string;
    /** Defaults to what the file's extension says. */
    readonly format?: Exclude<ConfigFormat, "module">;
  },
): Promise<Pipeline> {
  const { file, format = formatOf(file) as Exclude<ConfigFormat, "module"> } = options;
  const source = await parseSource(file, text, format);
  const pipeline = await check(source, options, dirname(resolve(file)), false);
  return { ...pipeline, document: { text, format, tree: source.value as PipelineDocument["tree"] } };
}

/** As `parsePipeline`, without what the text says at its top. */
export async function parseParts(
  { file, text, format }: Pick<PipelineDocument, "text" | "format"> & { readonly file: string },
  options: LoadOptions,
): Promise<Pipeline> {
  const source = await parseSource(file, text, format);
  const value = withoutTop(source.value as PipelineDocument["tree"]);
  const pipeline = await check({ ...source, value }, options, dirname(resolve(file)), false);
  return { ...pipeline, document: { text, format, tree: value } };
}

async function check(
  source: Source,
  options: LoadOptions,
  directory: string,
  isCode: boolean,
): Promise<Pipeline> {
  const { registry, environment = process.env } = options;
  return validate(source, { registry, environment, directory, isCode });
}

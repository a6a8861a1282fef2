import { open } from "node:fs/promises";
import { extname } from "node:path";
import { fault } from "./issue.ts";
import { Positions, type Source } from "./positions.ts";

export type { Source } from "./positions.ts";

export type ConfigFormat = "toml" | "yaml" | "json" | "module";

const FORMATS: Readonly<Record<string, ConfigFormat>> = {
  ".toml": "toml",
  ".yaml": "yaml",
  ".yml": "yaml",
  ".json": "json",
  ".ts": "module",
  ".mts": "module",
  ".js": "module",
  ".mjs": "module",
};

/** Largest config file, in bytes. */
const SIZE_LIMIT = 1_000_000;
/** Deepest nesting of a config file. */
const DEPTH_LIMIT = 64;

/** By the file's extension. @throws SluiceError CONFIG_SYNTAX, with issues */
export function formatOf(file: string): ConfigFormat {
  const format = FORMATS[extname(file).toLowerCase()];
  if (format !== undefined) return format;
  throw fault(file, "CONFIG_SYNTAX", `a config file ends in ${Object.keys(FORMATS).join(", ")}`);
}

/** Reads a text file. @throws SluiceError CONFIG_NOT_FOUND or CONFIG_SYNTAX, with issues */
export async function readText(file: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readAtMost(file, SIZE_LIMIT);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : message;
    throw fault(
      file,
      "CONFIG_NOT_FOUND",
      `${why}; name a config file, run this where sluice.toml is, or make one by "sluice init"`,
      undefined,
      cause,
    );
  }
  if (bytes.length > SIZE_LIMIT) {
    throw fault(
      file,
      "CONFIG_SYNTAX",
      `the file has more than ${SIZE_LIMIT} bytes, which no config file needs`,
    );
  }
  try {
    // a byte order mark is dropped
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const text = new TextDecoder().decode(bytes);
    const position = new Positions(text).at(Math.max(0, text.indexOf("\ufffd")));
    throw fault(file, "CONFIG_SYNTAX", "the file is not UTF-8; save it as UTF-8", position, cause);
  }
}

/** At most one byte more than `limit`: what is larger is not read to its end. */
async function readAtMost(file: string, limit: number): Promise<Uint8Array> {
  await using handle = await open(file);
  const buffer = new Uint8Array(limit + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
  }
}

/** Parses a text. @throws SluiceError CONFIG_SYNTAX, with issues */
export async function parseSource(
  file: string,
  text: string,
  format: Exclude<ConfigFormat, "module">,
): Promise<Source> {
  const source = await (format === "toml" ? parseToml(file, text) : parseYamlOrJson(file, text, format));
  if (typeof source.value !== "object" || source.value === null || Array.isArray(source.value)) {
    throw fault(file, "CONFIG_SYNTAX", "a config file is a table of keys and values at its top");
  }
  checkDepth(file, source.value);
  return source;
}

function checkDepth(file: string, value: unknown): void {
  if (!isDeeperThan(value, DEPTH_LIMIT)) return;
  throw fault(file, "CONFIG_SYNTAX", `the file is nested deeper than ${DEPTH_LIMIT} levels`);
}

async function parseToml(file: string, text: string): Promise<Source> {
  const { parse, TomlError } = await import("smol-toml");
  const { findTomlPositions } = await import("./toml-positions.ts");
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason] = cause.message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    const { line, column } = cause;
    const word = bareWord(text.split("\n")[line - 1] ?? "");
    const cure = word === undefined ? unclosed(reason) : `; text needs quotes: ${JSON.stringify(word)}`;
    throw fault(file, "CONFIG_SYNTAX", `${reason}${cure}`, { line, column }, cause);
  }
  // The path of each key is remembered with its position: what is as deep as it is long would take hours.
  checkDepth(file, value);
  const positions = new Positions(text);
  findTomlPositions(text, positions);
  return { file, value, positions };
}

/** `webhook` in `type = webhook`: the mistake that is made most. */
function bareWord(line: string): string | undefined {
  return /^[^=#"']*=\s*([A-Za-z/.][^\s"'#,[\]{}]*)\s*(?:#.*)?$/.exec(line)?.[1];
}

/** A text without its closing quote goes on to the line's end, which is what the parser complains of. */
function unclosed(reason: string | undefined): string {
  return reason?.startsWith("control characters") === true ? "; is the closing quote missing?" : "";
}

async function parseYamlOrJson(file: string, text: string, format: "yaml" | "json"): Promise<Source> {
  const { parseYaml, parseJson } = await import("./yaml.ts");
  return (format === "yaml" ? parseYaml : parseJson)(file, text);
}

function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  }
  return false;
}

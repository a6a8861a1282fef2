import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseListen } from "../config/listen.ts";
import { isPlainObject, resolveReferences } from "../config/references.ts";
import { formatOf, parseSource, readText, type Source } from "../config/source.ts";
import { SluiceError } from "../model/errors.ts";

export const DEFAULT_FILE = "sluice.toml";

/** Where somebody said that the pipeline is. */
export interface Target {
  readonly config?: string;
  readonly journal?: string;
  readonly url?: string;
  readonly token?: string;
}

/** What is known of a pipeline before anybody talked to it. */
export interface Place {
  /** The file of its journal; `undefined` if it is in memory, or not known. */
  readonly journal?: string;
  readonly url?: string;
  /** Whether somebody named the URL; else it is what the config file says, and something else may answer there. */
  readonly isUrlSaid: boolean;
  /** The config file, where there is one. */
  readonly file?: string;
  /** As the config file has it. */
  readonly name?: string;
  readonly token?: string;
  readonly components: readonly PlacedComponent[];
}

export interface PlacedComponent {
  readonly role: "input" | "process";
  readonly name: string;
  readonly type: string;
  readonly ordered: boolean;
}

/**
 * Finds out where a pipeline is: what was said, and what the config file says. A URL alone is taken by itself, so
 * that a command for one pipeline never reaches the one of this folder.
 *
 * @throws SluiceError CONFIG_NOT_FOUND for a file that was named, CONFIG_SYNTAX, INVALID_OPTIONS
 */
export async function locate(target: Target): Promise<Place> {
  const file = configFile(target);
  const { journal, url, token, ...found } = file === undefined ? NOWHERE : await readPlace(file);
  const said = {
    journal: target.journal === undefined ? journal : journalFile(target.journal, process.cwd()),
    url: target.url === undefined ? url : checkUrl(target.url),
    token: target.token ?? token ?? process.env["SLUICE_TOKEN"],
  };
  return {
    ...found,
    ...(file !== undefined && { file }),
    ...definedOnly(said),
    isUrlSaid: target.url !== undefined,
  };
}

const NOWHERE: Place = { components: [], isUrlSaid: false };

function configFile({ config, journal, url }: Target): string | undefined {
  if (config !== undefined) return config;
  if (journal !== undefined || url !== undefined) return undefined;
  return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined;
}

/**
 * Reads no more of a file than is needed, and checks no more: a pipeline can be asked for its runs by who has not
 * the passwords of its databases.
 */
async function readPlace(file: string): Promise<Place> {
  const { value } = await readSource(file);
  const top = value as Readonly<Record<string, unknown>>;
  const directory = dirname(resolve(file));
  const journal = filled(top["journal"], directory) ?? "sqlite:.sluice/journal.db";
  const http = isPlainObject(top["http"]) ? top["http"] : undefined;
  const listen = http === undefined ? undefined : (filled(http["listen"], directory) ?? "127.0.0.1:8787");
  const token = filled(http?.["token"], directory);
  const path = journalFile(journal, directory);
  return {
    ...(path !== undefined && { journal: path }),
    ...(listen !== undefined && { url: urlOf(listen) }),
    isUrlSaid: false,
    name: filled(top["name"], directory) ?? "pipeline",
    ...(token !== undefined && { token }),
    components: [...components(top, "input", "inputs"), ...components(top, "process", "processes")],
  };
}

async function readSource(file: string): Promise<Source> {
  const format = formatOf(file);
  if (format !== "module") return parseSource(file, await readText(file), format);
  const { loadModule } = await import("../config/module.ts");
  return loadModule(file);
}

/** A text with its references filled in; `undefined` if it is none, or if they cannot be. */
function filled(value: unknown, directory: string): string | undefined {
  if (typeof value !== "string") return undefined;
  let isUnset = false;
  const resolved = resolveReferences(value, { environment: process.env, directory }, () => (isUnset = true));
  return isUnset ? undefined : (resolved.value as string);
}

function components(
  top: Readonly<Record<string, unknown>>,
  role: PlacedComponent["role"],
  plural: string,
): readonly PlacedComponent[] {
  const list: unknown = top[role] ?? top[plural];
  if (!Array.isArray(list)) return [];
  return (list as readonly unknown[]).flatMap((item) => {
    const { name, type, order, settings } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== "string") return [];
    const keyed = order ?? (isPlainObject(settings) ? settings["order"] : undefined);
    return { role, name, type: typeof type === "string" ? type : "custom", ordered: keyed === "key" };
  });
}

/** The absolute path of a journal's file: `sqlite:PATH`, or the path alone. */
function journalFile(location: string, directory: string): string | undefined {
  if (location === "memory:") return undefined;
  return resolve(directory, location.startsWith("sqlite:") ? location.slice("sqlite:".length) : location);
}

/** Where to call what listens there: who listens everywhere is called on loopback. */
function urlOf(listen: string): string {
  const { host, port } = parseListen(listen);
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };
  const called = everywhere[host] ?? host;
  return `http://${called.includes(":") ? `[${called}]` : called}:${port}`;
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `--url takes a URL such as http://127.0.0.1:8787, not ${JSON.stringify(text)}`,
    );
  }
  return url.href.replace(/\/+$/, "");
}

function definedOnly<T extends object>(value: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}

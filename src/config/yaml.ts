import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Document,
  type YAMLError,
} from "yaml";
import { configError, fault } from "./issue.ts";
import { Positions, type Path, type Source } from "./positions.ts";

/** How many nodes all aliases together may stand for: enough for shared settings, too few for a bomb. */
const ALIAS_LIMIT = 100;

/** @throws SluiceError CONFIG_SYNTAX, with an issue for each error that the parser found */
export function parseYaml(file: string, text: string): Source {
  const positions = new Positions(text);
  const document = documentOf(file, text, positions);
  if (document.errors.length > 0) throw syntaxErrors(file, document.errors, positions);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIAS_LIMIT });
  } catch (cause) {
    throw fault(file, "CONFIG_SYNTAX", (cause as Error).message, firstAlias(document, positions), cause);
  }
  findPositions(document, positions);
  return { file, value, positions };
}

/** JSON as `JSON.parse` reads it; every JSON text is YAML too, which is where the positions come from. */
export function parseJson(file: string, text: string): Source {
  const positions = new Positions(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const [message] = (cause as Error).message.split(/,? \(?(?:"|\.\.\.|in JSON)/, 1);
    throw fault(file, "CONFIG_SYNTAX", message ?? "", positions.at(offsetOfJsonError(text)), cause);
  }
  const document = documentOf(file, text, positions);
  const doubled = document.errors.filter((error) => error.code === "DUPLICATE_KEY");
  if (doubled.length > 0) throw syntaxErrors(file, doubled, positions);
  if (document.errors.length === 0) findPositions(document, positions);
  return { file, value, positions };
}

/**
 * Where a JSON text stops being right. Messages of `JSON.parse` do not always say, so this looks for the shortest
 * beginning of the text that is wrong by more than its sudden end.
 */
function offsetOfJsonError(text: string): number {
  let right = 0;
  let wrong = text.length + 1;
  while (wrong - right > 1) {
    const middle = (right + wrong) >> 1;
    if (isWrong(text.slice(0, middle))) wrong = middle;
    else right = middle;
  }
  return Math.min(right, text.trimEnd().length);
}

function isWrong(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return false;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return !/end of JSON|Unterminated/.test(message) && position !== String(beginning.length);
  }
}

function documentOf(file: string, text: string, positions: Positions): Document.Parsed {
  try {
    return parseDocument(text, { prettyErrors: false, logLevel: "error" });
  } catch (cause) {
    const why = cause instanceof RangeError ? "the file is nested too deeply" : (cause as Error).message;
    throw fault(file, "CONFIG_SYNTAX", why, positions.at(0), cause);
  }
}

function syntaxErrors(file: string, errors: readonly YAMLError[], positions: Positions): Error {
  return configError(
    errors.map((error) => ({
      file,
      ...positions.at(error.pos[0]),
      code: "CONFIG_SYNTAX",
      message: error.message,
    })),
    errors[0],
  );
}

function firstAlias(document: Document.Parsed, positions: Positions): ReturnType<Positions["at"]> {
  let offset = 0;
  visit(document, {
    Alias(_, alias) {
      offset = alias.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return positions.at(offset);
}

function findPositions(document: Document.Parsed, positions: Positions): void {
  note(document.contents, [], 0);

  function note(node: unknown, path: Path, key: number): void {
    const start = (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? key;
    if (path.length > 0) positions.add(path, key, start);
    if (isAlias(node)) return;
    if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) {
        note(item, [...path, index], (item as { range?: readonly number[] }).range?.[0] ?? start);
      }
    }
    if (!isMap(node)) return;
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue;
      note(pair.value, [...path, String(pair.key.value)], pair.key.range?.[0] ?? start);
    }
  }
}

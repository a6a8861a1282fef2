import { parseDataset } from "../model/dataset.ts";
import { isSluiceError, type SluiceError } from "../model/errors.ts";
import type { Operation } from "../model/operation.ts";
import { Topology } from "../topology/topology.ts";
import type { LinkSpec } from "../topology/types.ts";
import { read, type Report } from "./checks.ts";
import type { ReadComponent } from "./component.ts";
import type { Path } from "./positions.ts";
import { LINK, type RawLink } from "./schema.ts";

/** A link and where it is written. */
interface PlacedLink {
  readonly spec: LinkSpec;
  readonly path: Path;
  /** Where the names and conditions of it are, by their keys in the code. */
  readonly places: Readonly<Record<string, Path>>;
}

/** Builds the topology of what was read; reports what does not fit together. */
export function wire(components: readonly ReadComponent[], links: unknown, report: Report): Topology {
  const topology = new Topology();
  for (const component of components) addNode(topology, component, report);
  const placed = [...components.flatMap(shorthandLinks), ...listLinks(links, report)];
  for (const link of placed) {
    try {
      topology.addLink(link.spec);
    } catch (error) {
      if (!isSluiceError(error)) throw error;
      report.atValue(placeOf(error, link), error.code, error.message);
    }
  }
  return topology;
}

function addNode(topology: Topology, component: ReadComponent, report: Report): void {
  const { role, name, type, path } = component;
  try {
    if (role === "process") {
      topology.addProcess({
        role,
        name,
        type,
        reads: component.reads.map(parseDataset),
        writes: component.writes.map(parseDataset),
      });
      return;
    }
    const operations = component.operations as readonly Operation[] | undefined;
    topology.addInput({
      role,
      name,
      type,
      reads: component.reads.map(parseDataset),
      ...(operations && { operations }),
    });
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    const isAboutName = error.code === "DUPLICATE_NAME" || error.code === "INVALID_NAME";
    report.atValue(isAboutName ? [...path, "name"] : path, error.code, error.message);
  }
}

function shorthandLinks(component: ReadComponent): readonly PlacedLink[] {
  return component.on.map(({ from, path }) => ({
    spec: { from, to: component.name },
    path,
    places: { from: path },
  }));
}

function listLinks(links: unknown, report: Report): readonly PlacedLink[] {
  if (!Array.isArray(links)) return [];
  return links.flatMap((link: unknown, index) => {
    const path = ["link", index];
    const raw = read(LINK, link, { report, path, what: describe(path), known: LINK_KEYS }) ?? endsOf(link);
    const placed = raw === undefined ? undefined : place(raw, path, report);
    return placed === undefined ? [] : [placed];
  });
}

/** Of a link with something wrong about it, what it joins and when: that is checked all the same. */
function endsOf(link: unknown): RawLink | undefined {
  const { input, from, process, to, when, loop } = Object(link) as RawLink;
  const texts = { input, from, process, to, when };
  const areRight = Object.values(texts).every((text) => text === undefined || typeof text === "string");
  const isWhole = (from ?? input) !== undefined && (to ?? process) !== undefined;
  // A loop that could not be read would make a cycle of what is none.
  return areRight && isWhole && (loop === undefined || loop === true) ? { ...texts, loop } : undefined;
}

const LINK_KEYS = ["input", "from", "process", "to", "operation", "operations", "locations", "when", "loop"];

function place(raw: RawLink, path: Path, report: Report): PlacedLink | undefined {
  const before = report.issues.length;
  const fromKey = oneOf(raw, ["from", "input"], path, report);
  const toKey = oneOf(raw, ["to", "process"], path, report);
  const operationsKey = raw.operation === undefined ? "operations" : "operation";
  if (raw.operation !== undefined && raw.operations !== undefined)
    bothGiven("operation", "operations", path, report);
  const from = fromKey === undefined ? undefined : raw[fromKey];
  const to = toKey === undefined ? undefined : raw[toKey];
  if (report.issues.length > before || from === undefined || to === undefined) return undefined;
  const operations = raw[operationsKey];
  const spec: LinkSpec = {
    from,
    to,
    ...(operations !== undefined && { operations: [operations].flat() }),
    ...(raw.locations !== undefined && { locations: [raw.locations].flat() }),
    ...(raw.when !== undefined && { when: raw.when }),
    ...(raw.loop !== undefined && { loop: raw.loop }),
  };
  const places = { from: [...path, fromKey ?? ""], to: [...path, toKey ?? ""], when: [...path, "when"] };
  return { spec, path, places: { ...places, operations: [...path, operationsKey] } };
}

/** The one of two spellings of a needed key that is there. */
function oneOf<K extends keyof RawLink>(
  raw: RawLink,
  keys: readonly [K, K],
  path: Path,
  report: Report,
): K | undefined {
  const given = keys.filter((key) => raw[key] !== undefined);
  if (given.length === 2) bothGiven(...keys, path, report);
  if (given.length === 0) {
    report.atKey(path, "INVALID_OPTIONS", `${describe(path)}: it needs ${keys[0]} or ${keys[1]}`);
  }
  return given[0];
}

function bothGiven(first: string, second: string, path: Path, report: Report): void {
  const message = `${describe(path)}: ${first} and ${second} mean the same; write one of them`;
  report.atKey([...path, second], "INVALID_OPTIONS", message);
}

function describe(path: Path): string {
  return `link ${Number(path.at(-1)) + 1}`;
}

function placeOf(error: SluiceError, { path, places }: PlacedLink): Path {
  if (error.code === "INVALID_EXPRESSION") return places["when"] ?? path;
  const { field } = error.details;
  return (typeof field === "string" ? places[field] : undefined) ?? path;
}

import { SluiceError } from "../model/errors.ts";
import type { EventRecord } from "../model/event.ts";
import { parseOperation, type Operation } from "../model/operation.ts";
import { compileWhen, EventView, type Condition } from "./expression.ts";
import { compileGlobs, type LocationTest } from "./glob.ts";
import type { LinkSpec, Match, Route } from "./types.ts";

/** A link whose conditions are checked, spelled alike and compiled. */
export interface CompiledLink {
  readonly spec: LinkSpec;
  /** What lets the event through; `null` stands for everything. */
  readonly operations: ReadonlySet<Operation> | null;
  readonly location: LocationTest | null;
  readonly when: Condition | null;
}

const NOTHING: readonly Match[] = Object.freeze([]);

/** @throws SluiceError INVALID_OPERATION, INVALID_EXPRESSION or INVALID_OPTIONS */
export function compileLink(spec: LinkSpec): CompiledLink {
  const { from, to, when } = spec;
  const where = `link ${from} → ${to}`;
  const operations = some(spec.operations, "operations", where)?.map(parseOperation);
  const locations = some(spec.locations, "locations", where);
  const clean: LinkSpec = {
    from,
    to,
    ...(operations && { operations: Object.freeze([...new Set(operations)]) }),
    ...(locations && { locations: Object.freeze([...locations]) }),
    ...(when !== undefined && { when }),
    ...(spec.loop === true && { loop: true }),
  };
  return {
    spec: Object.freeze(clean),
    operations: operations === undefined ? null : new Set(operations),
    location: locations === undefined ? null : compileGlobs(locations),
    when: when === undefined ? null : compileWhen(when, where),
  };
}

/** An empty list would let nothing through, which nobody means by it. */
function some<T>(list: readonly T[] | undefined, option: string, where: string): readonly T[] | undefined {
  if (list === undefined || list.length > 0) return list;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${where}: its ${option} are empty, so nothing would ever match; leave them out to let everything through`,
    { details: { field: option } },
  );
}

/** Makes one function of the links that leave a source. Without conditions it allocates nothing. */
export function compileRoute(links: readonly CompiledLink[]): Route {
  const entries = links.map((link) => ({ link, match: Object.freeze({ process: link.spec.to }) }));
  const all: readonly Match[] = Object.freeze(entries.map(({ match }) => match));
  if (links.every((link) => link.operations === null && link.location === null && link.when === null)) {
    return () => all;
  }
  return (event) => {
    let view: EventView | undefined;
    let matches: Match[] | undefined;
    for (const { link, match } of entries) {
      if (!passes(link, event)) continue;
      let found: Match = match;
      if (link.when !== null) {
        const answer = link.when((view ??= new EventView(event)));
        if (answer === false) continue;
        if (answer !== true) found = { process: match.process, error: answer };
      }
      (matches ??= []).push(found);
    }
    return matches ?? NOTHING;
  };
}

function passes(link: CompiledLink, event: EventRecord): boolean {
  if (link.operations !== null && !link.operations.has(event.operation)) return false;
  return link.location === null || link.location(event.location);
}

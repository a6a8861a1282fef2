import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDataset } from "../model/dataset.ts";
import { isSluiceError } from "../model/errors.ts";
import { OPERATIONS, type Operation } from "../model/operation.ts";
import { Topology } from "./topology.ts";
import type { ComponentNode, LinkSpec } from "./types.ts";

/*
 * The model: an event of one operation stands at one place. A process may emit any operation along its links, and
 * write any that it declares; what an input sees goes on as far as the link lets that operation through. There is a
 * cycle if an event can come back to where it was, by links that are not meant as loops.
 */
function canComeBack(nodes: readonly ComponentNode[], links: readonly LinkSpec[]): boolean {
  const places = new Map<string, Set<string>>();
  const join = (from: string, to: string): void => {
    places.set(from, (places.get(from) ?? new Set()).add(to));
  };
  const lets = (list: readonly string[] | null | undefined, operation: Operation): boolean =>
    list === undefined || list === null || list.includes(operation);
  for (const { from, to, operations, loop } of links) {
    if (loop === true) continue;
    const source = nodes.find((node) => node.name === from);
    for (const operation of OPERATIONS) {
      if (!lets(operations, operation)) continue;
      join(source?.role === "input" ? `${from} sees ${operation}` : from, to);
    }
  }
  for (const writer of nodes) {
    if (writer.role !== "process") continue;
    for (const reader of nodes) {
      if (reader.role !== "input") continue;
      for (const written of writer.writes) {
        for (const read of reader.reads) {
          for (const operation of OPERATIONS) {
            const meets =
              written.name === read.name &&
              lets(written.operations, operation) &&
              lets(read.operations, operation);
            if (meets && lets(reader.operations, operation))
              join(writer.name, `${reader.name} sees ${operation}`);
          }
        }
      }
    }
  }
  return [...places.keys()].some((place) => reaches(places, place, place));
}

function reaches(places: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [...(places.get(from) ?? [])];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place === to) return true;
    if (seen.has(place)) continue;
    seen.add(place);
    open.push(...(places.get(place) ?? []));
  }
  return false;
}

const dataset = fc
  .tuple(fc.constantFrom("s", "t", "u"), fc.constantFrom("", ":create", ":update", ":create,delete"))
  .map(([name, operations]) => parseDataset(name + operations));
const datasets = fc.array(dataset, { maxLength: 2 });
const operations = fc.option(fc.subarray([...OPERATIONS], { minLength: 1 }), { nil: undefined });
const nodeNames = ["a", "b", "c", "d", "e"];
const inputNames = ["i", "j", "k"];

const components = fc.tuple(
  fc.tuple(
    ...nodeNames.map((name) =>
      fc.record({ writes: datasets }).map(({ writes }) => ({
        role: "process" as const,
        name,
        type: "test",
        reads: [],
        writes,
      })),
    ),
  ),
  fc.tuple(
    ...inputNames.map((name) =>
      fc.record({ reads: datasets, operations }).map((rest) => ({
        role: "input" as const,
        name,
        type: "test",
        reads: rest.reads,
        ...(rest.operations && { operations: rest.operations }),
      })),
    ),
  ),
);
const change = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      add: fc
        .record({
          from: fc.constantFrom(...nodeNames, ...inputNames),
          to: fc.constantFrom(...nodeNames),
          operations,
          loop: fc.integer({ min: 0, max: 7 }).map((number) => number === 0),
        })
        .map(({ operations: only, ...link }) => ({ ...link, ...(only && { operations: only }) })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      remove: fc.record({
        from: fc.constantFrom(...nodeNames, ...inputNames),
        to: fc.constantFrom(...nodeNames),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ renew: fc.constantFrom(...nodeNames, ...inputNames) }),
  },
);

test("a link is refused as a cycle exactly when an event could come back", () => {
  let cycles = 0;
  fc.assert(
    fc.property(
      components,
      fc.array(change, { minLength: 8, maxLength: 30 }),
      ([processes, inputs], changes) => {
        const nodes = [...processes, ...inputs];
        const topology = new Topology();
        for (const node of processes) topology.addProcess(node);
        for (const node of inputs) topology.addInput(node);
        const model = new Map<string, LinkSpec>();
        for (const step of changes) {
          if ("remove" in step) {
            const key = `${step.remove.from} ${step.remove.to}`;
            if (model.delete(key)) topology.removeLink(step.remove.from, step.remove.to);
            continue;
          }
          if ("renew" in step) {
            topology.removeNode(step.renew);
            const node = nodes.find(({ name }) => name === step.renew);
            if (node?.role === "input") topology.addInput(node);
            if (node?.role === "process") topology.addProcess(node);
            for (const [key, { from, to }] of model)
              if (from === step.renew || to === step.renew) model.delete(key);
            continue;
          }
          const link: LinkSpec = step.add;
          const key = `${link.from} ${link.to}`;
          if (link.from === link.to || model.has(key)) continue;
          const expected = canComeBack(nodes, [...model.values(), link]);
          let refused = false;
          try {
            topology.addLink(link);
            model.set(key, link);
          } catch (error) {
            if (!isSluiceError(error, "CYCLE")) throw error;
            refused = true;
            cycles++;
            const path = error.details["path"] as string[];
            expect(path[0]).toBe(link.to);
            expect(path.at(-1)).toBe(link.to);
            expect(path.length).toBeGreaterThan(2);
          }
          expect(refused).toBe(expected);
          expect(topology.links()).toHaveLength(model.size);
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(cycles).toBeGreaterThan(100);
});

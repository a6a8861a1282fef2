import { afterEach, expect, test, vi } from "vitest";
import type { EventRecord } from "../model/event.ts";
import type { LinkOptions } from "../model/component.ts";
import { compileLink, compileRoute } from "./route.ts";
import type { Match, Route } from "./types.ts";

afterEach(() => vi.restoreAllMocks());

function record(fields: Partial<EventRecord> = {}): EventRecord {
  return {
    uid: "0193c0de-0000-7000-8000-000000000000",
    trigger: "orders",
    location: "raw.orders",
    operation: "create",
    id: "7",
    key: null,
    time: 1_700_000_000_000,
    data: '{"total":1500,"tags":["a"],"note":null}',
    headers: '{"source":"shop"}',
    cause: null,
    ...fields,
  };
}

function routeOf(...links: (LinkOptions & { to: string })[]): Route {
  return compileRoute(links.map((link) => compileLink({ from: "orders", ...link })));
}

function when(expression: string, fields: Partial<EventRecord> = {}): Match | undefined {
  return routeOf({ to: "audit", when: expression })(record(fields))[0];
}

const AUDIT = { process: "audit" };

test("a source without conditions answers the same array for every event", () => {
  const route = routeOf({ to: "a" }, { to: "b" });
  const first = route(record());
  expect(first).toEqual([{ process: "a" }, { process: "b" }]);
  expect(route(record({ location: "elsewhere" }))).toBe(first);
  expect(Object.isFrozen(first)).toBe(true);
});

test("a source without links answers nothing, and allocates nothing for it", () => {
  const route = routeOf();
  expect(route(record())).toEqual([]);
  expect(route(record())).toBe(route(record()));
});

test("operations let through what they name, in any spelling", () => {
  const route = routeOf({ to: "a", operations: ["INSERT", "remove"] });
  const passes = (["create", "read", "update", "delete", "unknown"] as const).filter(
    (operation) => route(record({ operation })).length === 1,
  );
  expect(passes).toEqual(["create", "delete"]);
});

test("all conditions of a link must hold; links are asked one by one, in their order", () => {
  const route = routeOf(
    { to: "a", locations: ["raw.*"], operations: ["create"], when: "data.total > 1000" },
    { to: "b", locations: ["gold.*"] },
    { to: "c" },
  );
  expect(route(record()).map((match) => match.process)).toEqual(["a", "c"]);
  expect(route(record({ operation: "update" })).map((match) => match.process)).toEqual(["c"]);
  expect(route(record({ location: "gold.sales" })).map((match) => match.process)).toEqual(["b", "c"]);
  expect(route(record({ data: '{"total":1}' })).map((match) => match.process)).toEqual(["c"]);
});

test.each([
  "double(data.total) > 1000.0",
  "data.total > 1000",
  "data.total == 1500 && data.total >= 1500.0",
  "int(data.total) % 2 == 0",
  "data.total * 2.0 == 3000.0",
  'location.startsWith("raw.") && operation == "create"',
  'id == "7" && trigger == "orders" && key == "raw.orders/7"',
  'uid == "0193c0de-0000-7000-8000-000000000000"',
  'timestamp(time) > timestamp("2023-11-14T00:00:00Z")',
  'headers.source == "shop" && !has(headers.other)',
  '"a" in data.tags && data.tags.exists(tag, tag == "a")',
  "data.note == null && !has(data.missing)",
  "data.?missing.orValue(0.0) == 0.0",
  'data.total in [1500, "many"]',
])("the expression %s holds for the event", (expression) => {
  expect(when(expression)).toEqual(AUDIT);
});

test("an event without data or headers has null and an empty map", () => {
  expect(when("data == null && size(headers) == 0", { data: null, headers: null })).toEqual(AUDIT);
});

test.each([
  ["data.missing > 1", {}, "No such key: missing"],
  ["data.total > 1000", { data: null }, "data.total > 1000"],
  ["data.total > 1000", { data: '{"total":"1500"}' }, "no such overload"],
  ["data.total", {}, "answered a number, not true or false"],
  ["data.tags", {}, "answered a list, not true or false"],
  ["data.note", {}, "answered null, not true or false"],
  ["data.constructor == 1", {}, "No such key: constructor"],
  ["data.x.y", { data: "[".repeat(2_000) + "]".repeat(2_000) }, "data.x.y"],
])("%s, which cannot be answered, is a match with an error and not silence", (expression, fields, why) => {
  const match = when(expression, fields);
  expect(match).toMatchObject({ process: "audit", error: { code: "WHEN_FAILED" } });
  expect(match?.error?.message).toContain("link orders → audit: when");
  expect(match?.error?.message).toContain(why);
  expect(match?.error?.message).not.toContain("\n");
});

test("one link whose expression fails does not disturb the others", () => {
  const route = routeOf({ to: "a", when: "data.missing" }, { to: "b", when: "data.total > 1" }, { to: "c" });
  expect(route(record())).toEqual([
    { process: "a", error: expect.objectContaining({ code: "WHEN_FAILED" }) },
    { process: "b" },
    { process: "c" },
  ]);
});

test("data is parsed once an event, and only if an expression asks for it", () => {
  const parse = vi.spyOn(JSON, "parse");
  routeOf({ to: "a", when: 'location == "raw.orders"' }, { to: "b", operations: ["create"] })(record());
  expect(parse).toHaveBeenCalledTimes(0);
  routeOf(
    { to: "a", when: "data.total > 1" },
    { to: "b", when: "data.total > 2 && data.total > 3" },
  )(record());
  expect(parse).toHaveBeenCalledTimes(1);
  routeOf({ to: "a", operations: ["delete"], when: "data.total > 1" })(record());
  expect(parse).toHaveBeenCalledTimes(1);
});

test.each([
  ["data.total >", 12, "Unexpected token"],
  ["dta.total > 1", 0, 'did you mean "data"?'],
  ["location > 1", 0, "no such overload"],
  ['"large"', 0, "answers string"],
  ["", 0, ""],
  ["data.total > 1; process.exit()", 14, ""],
  ["(".repeat(10_000), 0, ""],
])("%j is refused when the link is made", (expression, position, why) => {
  expect(() => when(expression)).toThrow(
    expect.objectContaining({ code: "INVALID_EXPRESSION", message: expect.stringContaining(why) }),
  );
  if (expression.length > 100) return;
  expect(() => when(expression)).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ position }) }),
  );
});

test("conditions that could never match are refused", () => {
  expect(() => routeOf({ to: "a", operations: [] })).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
  expect(() => routeOf({ to: "a", locations: [] })).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
  expect(() => routeOf({ to: "a", operations: ["upsert"] })).toThrow(
    expect.objectContaining({ code: "INVALID_OPERATION" }),
  );
});

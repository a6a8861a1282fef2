import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { recordId, toEventInit, type OutboxRow } from "./rows.ts";

const UID = "01a20c82-07b0-73cb-9e91-79e52df240ee";
const RUN = `${UID}/land`;
const shape = { key: ["id"], exact: [], name: "public.orders" };

function outboxRow(
  operation: string,
  before: object | null,
  after: object | null,
  cause: string | null = null,
): OutboxRow {
  const text = (row: object | null): string | null => (row === null ? null : JSON.stringify(row));
  return ["1", UID, "16384", operation, "public.orders", cause, text(before), text(after)];
}

describe("an outbox row becomes an event", () => {
  test("whose uid is the row's, whose time is the uid's, whose id is the primary key", () => {
    expect(toEventInit(outboxRow("i", null, { id: 7, a: 1 }), shape, "new")).toEqual({
      uid: UID,
      location: "public.orders",
      time: new Date("2026-11-24T07:42:57.968Z"),
      operation: "create",
      id: "7",
      data: { id: 7, a: 1 },
    });
  });

  test("that is an update under the new key, with the old one in a header, when the key changed", () => {
    const event = toEventInit(outboxRow("u", { id: 1 }, { id: 2 }), shape, "new");
    expect(event).toMatchObject({ operation: "update", id: "2", headers: { previousid: "1" } });
    expect(toEventInit(outboxRow("u", { id: 1 }, { id: 1 }), shape, "new").headers).toBeUndefined();
  });

  test.each([
    ["new", "i", { id: 2 }],
    ["new", "u", { id: 2 }],
    ["new", "d", { id: 1 }],
    ["old", "i", undefined],
    ["old", "u", { id: 1 }],
    ["old", "d", { id: 1 }],
    ["none", "u", undefined],
    ["old+new", "i", { old: null, new: { id: 2 } }],
    ["old+new", "u", { old: { id: 1 }, new: { id: 2 } }],
    ["old+new", "d", { old: { id: 1 }, new: null }],
  ] as const)("with data = %s after %s of %j", (wanted, operation, data) => {
    const before = operation === "i" ? null : { id: 1 };
    const after = operation === "d" ? null : { id: 2 };
    expect(toEventInit(outboxRow(operation, before, after), shape, wanted).data).toEqual(data);
  });

  test("that is a delete of * after a TRUNCATE, which says so, and of which partition if it was only one", () => {
    const whole = toEventInit(outboxRow("t", null, null), shape, "new");
    expect(whole).toMatchObject({ operation: "delete", id: "*", headers: { truncate: "true" } });
    const part = toEventInit(outboxRow("t", null, null), { ...shape, name: "public.orders_2026" }, "new");
    expect(part.headers).toEqual({ truncate: "true", partition: "public.orders_2026" });
  });

  test("that has a cause only if sluice.cause held the id of a run", () => {
    const causeOf = (text: string) => toEventInit(outboxRow("i", null, { id: 1 }, text), shape, "new").cause;
    expect(causeOf(RUN)).toEqual({ runs: [RUN], hops: 0 });
    for (const junk of ["", "x", "'; drop table orders; --", `${UID}/`, `${UID}/land~0`, "a".repeat(200)]) {
      expect(causeOf(junk)).toBeUndefined();
    }
  });
});

describe("the id of a record", () => {
  test("tells composite keys apart whatever their parts hold", () => {
    const part = fc.oneof(fc.string(), fc.stringMatching(/^[,\\a]*$/));
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part), { minLength: 2, maxLength: 2 }), ([one, other]) => {
        const id = ([a, b]: [string, string]) => recordId({ a, b }, "", ["a", "b"]);
        expect(id(one as [string, string]) === id(other as [string, string])).toBe(
          JSON.stringify(one) === JSON.stringify(other),
        );
      }),
    );
  });

  test("follows the order of the key, not of the columns", () => {
    expect(recordId({ a: 1, b: "x,y" }, "", ["b", "a"])).toBe("x\\,y,1");
  });

  test("is a hash of the row when there is no key", () => {
    expect(recordId({ a: 1 }, '{"a":1}', [])).toMatch(/^[0-9a-f]{32}$/);
    expect(recordId({ a: 1 }, '{"a":1}', [])).not.toBe(recordId({ a: 2 }, '{"a":2}', []));
  });
});

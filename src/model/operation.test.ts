import fc from "fast-check";
import { expect, test } from "vitest";
import { OPERATIONS, parseOperation } from "./operation.ts";

const SPELLINGS = {
  create: "create",
  insert: "create",
  read: "read",
  update: "update",
  delete: "delete",
  remove: "delete",
  unknown: "unknown",
} as const;

test.each(Object.entries(SPELLINGS))("%s is read as %s, in any case", (spelling, operation) => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: spelling.length, maxLength: spelling.length }),
      (upper) => {
        const text = [...spelling].map((letter, index) =>
          upper[index] === true ? letter.toUpperCase() : letter,
        );
        expect(parseOperation(text.join(""))).toBe(operation);
      },
    ),
  );
});

test.each([[undefined], [null]])("an absent operation (%s) is unknown", (absent) => {
  expect(parseOperation(absent)).toBe("unknown");
});

test("what is printed reads back", () => {
  for (const operation of OPERATIONS) expect(parseOperation(operation)).toBe(operation);
});

test("anything else is an error that says what there is", () => {
  const others = fc
    .oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.object(),
      fc.constantFrom("", " create", "created", "upsert"),
    )
    .filter((value) => typeof value !== "string" || !(value.toLowerCase() in SPELLINGS));
  fc.assert(
    fc.property(others, (value) => {
      expect(() => parseOperation(value)).toThrow(expect.objectContaining({ code: "INVALID_OPERATION" }));
    }),
  );
  expect(() => parseOperation("upsert")).toThrow(/"upsert".*create \(or insert\), read, update, delete/);
});

import { expect, test } from "vitest";
import { compileTemplate, templateOption } from "./template.ts";

const document = { id: "7", data: { total: 5, tags: ["a"], none: null }, "a/b": 1 };

test.each([
  [
    { order: "/id", total: "/data/total" },
    { order: "7", total: 5 },
  ],
  [
    { nested: { list: ["/data/tags/0", "x", 1, true, null] } },
    { nested: { list: ["a", "x", 1, true, null] } },
  ],
  [
    { missing: "/nope", list: ["/nope"], none: "/data/none" },
    { list: [null], none: null },
  ],
  [
    { path: "//orders/7", all: "/data", escaped: "/a~1b" },
    { path: "/orders/7", all: document.data, escaped: 1 },
  ],
  [{ toString: "/toString", proto: "/__proto__/x" }, {}],
  [["/id"], ["7"]],
])("%j is filled", (template, filled) => {
  expect(templateOption.safeParse(template).success).toBe(true);
  expect(compileTemplate(template as never)(document)).toEqual(filled);
});

test.each([{ a: "/b~2" }, { a: undefined }, "text", 7])("%j is none", (template) => {
  expect(templateOption.safeParse(template).success).toBe(false);
});

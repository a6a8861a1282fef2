import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clip, harmless, harmlessLines, plural, toSafeJson } from "./text.ts";

/** What a terminal obeys, or what makes text read as what it is not. */
// oxlint-disable-next-line eslint/no-control-regex -- they are what is looked for
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe("harmless text", () => {
  test("nothing that a terminal obeys is left, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(harmless(text)).not.toMatch(OBEYED);
        expect(harmless(text).isWellFormed()).toBe(true);
      }),
    );
  });

  test("what a terminal only shows is left as it is", () => {
    expect(harmless("Größe 10 € 日本 🙂 <script>")).toBe("Größe 10 € 日本 🙂 <script>");
  });

  test("escapes can be read", () => {
    expect(harmless("a\n\u001b[2Jb\u202ec\t")).toBe("a\\n\\u001b[2Jb\\u202ec\\t");
  });

  test("lines stay lines, and nothing else gets through", () => {
    expect(harmlessLines("one\r\ntwo\u0007\n\tthree")).toEqual(["one", "two\\u0007", "    three"]);
  });
});

describe("safe JSON", () => {
  test("reads back as what it was, and a terminal obeys nothing in it", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (json, text) => {
        const value = { json, text };
        const safe = toSafeJson(value);
        expect(safe).not.toMatch(OBEYED);
        expect(JSON.stringify(JSON.parse(safe))).toBe(JSON.stringify(value));
      }),
    );
  });
});

test("what is too long is cut, and says so", () => {
  expect(clip("abcdef", 6)).toBe("abcdef");
  expect(clip("abcdefg", 6)).toBe("abcde…");
});

test("counts are named in the singular and the plural", () => {
  expect([plural(1, "run"), plural(0, "run"), plural(2, "process", "processes")]).toEqual([
    "1 run",
    "0 runs",
    "2 processes",
  ]);
});

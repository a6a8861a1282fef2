import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromStoredText, toStoredText } from "./stored-text.ts";

const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));

describe("stored text", () => {
  it("comes back as it was, lone surrogates and all, and is well-formed between", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          anyText.map((text) => `\u0001${text}`),
          fc.string({ unit: "binary" }),
        ),
        (text) => {
          const stored = toStoredText(text);
          expect(stored.isWellFormed()).toBe(true);
          expect(fromStoredText(stored)).toBe(text);
        },
      ),
    );
  });

  it("leaves ordinary text alone", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        fc.pre(!text.startsWith("\u0001"));
        expect(toStoredText(text)).toBe(text);
      }),
    );
  });
});

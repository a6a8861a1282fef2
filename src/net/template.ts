import { z } from "zod";
import { compilePointer, isPointer, type Pointer } from "./pointer.ts";

/** JSON in which a text that begins with `/` stands for what that JSON Pointer finds. */
export type Template =
  | string
  | number
  | boolean
  | null
  | readonly Template[]
  | { readonly [key: string]: Template };

/**
 * Fills a template from a document. What a pointer does not find is left out of an object, and `null` in a list. A text
 * that begins with `//` is text with one `/` less.
 */
export function compileTemplate(template: Template): Pointer {
  if (typeof template === "string") {
    if (template.startsWith("//")) return () => template.slice(1);
    return template.startsWith("/") ? compilePointer(template) : () => template;
  }
  if (typeof template !== "object" || template === null) return () => template;
  if (Array.isArray(template)) {
    const parts = (template as readonly Template[]).map(compileTemplate);
    return (document) => parts.map((part) => part(document) ?? null);
  }
  const parts = Object.entries(template).map(([key, part]) => [key, compileTemplate(part)] as const);
  return (document) =>
    Object.fromEntries(
      parts.flatMap(([key, part]) => {
        const found = part(document);
        return found === undefined ? [] : [[key, found]];
      }),
    );
}

const text = z.string().refine((one) => !one.startsWith("/") || one.startsWith("//") || isPointer(one), {
  message: "begins with / but is no JSON Pointer (RFC 6901); begin it with // if it is text",
});

const part: z.ZodType<Template, Template> = z.lazy(() =>
  z.union([text, z.number(), z.boolean(), z.null(), z.array(part), z.record(z.string(), part)]),
);

/** A template whose outermost part is an object or a list. */
export const templateOption: z.ZodType<Template, Template> = z.union([
  z.record(z.string(), part),
  z.array(part),
]);

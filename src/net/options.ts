import { z } from "zod";
import { isPointer } from "./pointer.ts";

// Options that several kinds have, so that they mean the same everywhere.

/** JSON Pointers (RFC 6901) to the fields of an event in a document. What one does not find gets its default. */
export interface PickedFields {
  readonly location?: string | undefined;
  readonly operation?: string | undefined;
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  readonly time?: string | undefined;
  /** Defaults to the whole document. */
  readonly data?: string | undefined;
}

export const pointerOption: z.ZodType<string, string> = z
  .string()
  .refine(isPointer, "must be a JSON Pointer, such as /order/id (RFC 6901)");

export const pickOption: z.ZodOptional<z.ZodType<PickedFields, PickedFields>> = z
  .strictObject({
    location: pointerOption,
    operation: pointerOption,
    id: pointerOption,
    key: pointerOption,
    time: pointerOption,
    data: pointerOption,
  })
  .partial()
  .optional();

export const allowPrivateOption: z.ZodType<boolean | string[], boolean | readonly string[] | undefined> = z
  .union([z.boolean(), z.array(z.string())])
  .default(false)
  .describe("Whether private addresses may be called, or the ranges that may. Defaults to false.");

export type Headers = Readonly<Record<string, string>>;

/** @param reserved names that are not the user's to set */
export function headersOption(reserved: RegExp): z.ZodType<Headers, Headers | undefined> {
  return z
    .record(
      z
        .string()
        .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is not a name of a header")
        .refine((name) => !reserved.test(name), "is a header that sluice sets itself"),
      z
        .string()
        .regex(/^[\t\x20-\x7e\x80-\xff]*$/, "a header must not hold line breaks or control characters"),
    )
    .default({});
}

import { z } from "zod";
import type { AnyKind } from "./registry.ts";

/** JSON Schema, as far as it is put together here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** The JSON Schema (draft 7) of what may be written for a zod schema, as a part of a larger one. */
export function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
  });
  return json as JsonSchema;
}

/** The JSON Schema of a kind's options; of a schema that is not zod's, that they are an object. */
export function optionsJsonSchema(kind: AnyKind): JsonSchema {
  return kind.options instanceof z.ZodType ? toJsonSchema(kind.options) : { type: "object" };
}

/** The names of a kind's options, in the code's spelling. */
export function optionKeys(kind: AnyKind): readonly string[] {
  const keys = new Set<string>();
  const collect = (schema: JsonSchema): void => {
    for (const key of Object.keys(schema.properties ?? {})) keys.add(key);
    for (const branch of ["anyOf", "oneOf", "allOf"]) {
      for (const part of (schema[branch] as readonly JsonSchema[] | undefined) ?? []) collect(part);
    }
  };
  collect(optionsJsonSchema(kind));
  return [...keys];
}

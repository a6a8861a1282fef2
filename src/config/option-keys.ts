import { z } from "zod";
import type { AnyKind } from "./registry.ts";

/** JSON Schema, as far as it is put together here. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

/** The JSON Schema of a kind's options; of a schema that is not zod's, that they are an object. */
export function optionsJsonSchema(kind: AnyKind): JsonSchema {
  if (!(kind.options instanceof z.ZodType)) return { type: "object" };
  const { $schema: _, ...schema } = z.toJSONSchema(kind.options, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
  });
  return schema as JsonSchema;
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

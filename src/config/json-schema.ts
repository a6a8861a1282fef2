import { z } from "zod";
import { mapKeys, toSnakeCase } from "./case.ts";
import { takesConnection } from "./connections.ts";
import { optionsJsonSchema, toJsonSchema, type JsonSchema } from "./option-keys.ts";
import type { AnyKind, Registry, Role } from "./registry.ts";
import { INPUT, LINK, PROCESS, TOP } from "./schema.ts";

/**
 * The JSON Schema (draft 7) of config files, for editors: what every file may say, and the options of each kind of
 * the registry. Every kind is loaded for it.
 */
export async function configSchema(registry: Registry): Promise<JsonSchema> {
  const top = Object.fromEntries(Object.entries(TOP).map(([key, schema]) => [key, toJsonSchema(schema)]));
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "sluice pipeline",
    type: "object",
    additionalProperties: false,
    properties: {
      ...top,
      input: { type: "array", items: { oneOf: await componentSchemas("input", registry) } },
      process: { type: "array", items: { oneOf: await componentSchemas("process", registry) } },
      link: { type: "array", items: toJsonSchema(LINK) },
    },
  };
}

const CONNECTION: JsonSchema = {
  type: "string",
  description: "Name of a [connections.NAME], in place of connection_string",
};

async function componentSchemas(role: Role, registry: Registry): Promise<JsonSchema[]> {
  const { properties: common = {} } = toJsonSchema(z.strictObject(role === "input" ? INPUT : PROCESS));
  const kinds = await Promise.all(registry.types(role).map(async (type) => registry.load(role, type)));
  return kinds.filter((kind) => kind !== undefined).map((kind) => componentSchema(kind, common));
}

function componentSchema(kind: AnyKind, common: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const { properties = {}, required = [], additionalProperties: _, ...rest } = optionsJsonSchema(kind);
  const shares = takesConnection(kind);
  const own = { ...mapKeys(properties, toSnakeCase), ...(shares && { connection: CONNECTION }) };
  // options may stand in execution_context instead, so a process needs none of them beside the common keys
  const needed =
    kind.role === "input"
      ? required.map(toSnakeCase).filter((key) => !shares || key !== "connection_string")
      : [];
  const isClosed = Object.keys(own).length > 0;
  return {
    ...rest,
    type: "object",
    title: `${kind.type} ${kind.role}`,
    description: kind.summary,
    properties: { ...common, type: { const: kind.type, description: kind.summary }, ...own },
    required: ["name", "type", ...needed],
    ...(isClosed && { additionalProperties: false }),
  };
}

// Writes docs/reference/config.md from the specifications of the kinds and the schema of the config file, which also
// check a file and tell editors its keys: so the page cannot say anything else than the program does.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILT_IN_KINDS } from "../src/cli/kinds.ts";
import { toSnakeCase } from "../src/config/case.ts";
import { configSchema } from "../src/config/json-schema.ts";
import { optionsJsonSchema } from "../src/config/option-keys.ts";
import { createRegistry, type Role } from "../src/config/registry.ts";

/** The part of JSON Schema that is read. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

export const PAGE: string = join(import.meta.dirname, "../docs/reference/config.md");

const HEAD = `# The config file

Every key of \`sluice.toml\`, by \`npm run reference\` from the specifications that also check the file, so it is what this version takes. YAML and JSON say the same. \`\${env:NAME}\` and \`\${file:PATH}\` stand for a variable and a file's text in any value; they are resolved late and masked wherever they could show. \`sluice schema\` prints it as JSON Schema, for editors. In code, the options of a kind have the same names in camelCase.

A time is text such as \`"500ms"\`, \`"30s"\`, \`"5m"\`, \`"7d"\`, or milliseconds; a size is text such as \`"64MiB"\`, \`"1GB"\`, or bytes.
`;

const registry = createRegistry(BUILT_IN_KINDS);

/** The page, as it must be. */
export async function referencePage(): Promise<string> {
  const { properties = {} } = (await configSchema(registry)) as Schema;
  const { input, process, link, ...top } = properties;
  return [
    HEAD,
    "## At the top",
    table({ properties: top }),
    ...Object.entries(top)
      .map(([name, schema]) => [name, inner(schema)] as const)
      .filter(([, schema]) => schema !== undefined)
      .flatMap(([name, schema]) => [`### [${name}]`, table(schema as Schema)]),
    ...(await components("Inputs", "input", input)),
    ...(await components("Processes", "process", process)),
    "## Links: [[link]]",
    "A link says where events go. `on` at a process is shorthand for one without conditions.",
    table(link?.items ?? {}),
  ]
    .map((block) => block.trim())
    .join("\n\n")
    .concat("\n");
}

async function components(title: string, role: Role, list: Schema | undefined): Promise<string[]> {
  const kinds = list?.items?.oneOf ?? [];
  const [first = {}, ...others] = kinds.map(({ properties = {} }) => properties);
  const isCommon = (key: string): boolean => key !== "type" && others.every((other) => key in other);
  const common = Object.fromEntries(Object.entries(first).filter(([key]) => isCommon(key)));
  const sections = await Promise.all(kinds.map(async (kind) => section(kind, role, common)));
  return [
    `## ${title}: [[${role}]]`,
    `What every ${role} has, besides its \`type\` and the options of it:`,
    table({ properties: common, required: ["name"] }),
    ...sections.flat(),
  ];
}

async function section(kind: Schema, role: Role, common: object): Promise<string[]> {
  const { title = "", description = "", properties = {} } = kind;
  const type = String(properties["type"]?.const);
  const spec = await registry.load(role, type);
  const required = spec === undefined ? [] : (optionsJsonSchema(spec).required ?? []).map(toSnakeCase);
  const own = Object.entries(properties).filter(([key]) => key !== "type" && !(key in common));
  return [`### ${title}`, description, table({ properties: Object.fromEntries(own), required })];
}

/** What a table of keys by name holds, or a table. */
function inner({ properties, additionalProperties }: Schema): Schema | undefined {
  if (properties !== undefined) return { properties };
  return typeof additionalProperties === "object" && additionalProperties.properties !== undefined
    ? additionalProperties
    : undefined;
}

function table({ properties = {}, required = [] }: Schema): string {
  const rows = Object.entries(properties).map(([key, schema]) => {
    const needed = required.includes(key) ? " (needed)" : "";
    return `| \`${key}\`${needed} | ${cell(typeOf(schema))} | ${cell(schema.description ?? "")} |`;
  });
  return ["| key | value | meaning |", "|---|---|---|", ...rows].join("\n");
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(", or ");
  if (schema.type === "array")
    return `list of ${schema.items === undefined ? "values" : typeOf(schema.items)}`;
  if (schema.type === "object") return objectType(schema);
  return [schema.type ?? "any"].flat().join(" or ");
}

function objectType({ properties, required = [], additionalProperties }: Schema): string {
  if (properties !== undefined) {
    const keys = Object.keys(properties).map((key) => (required.includes(key) ? key : `${key}?`));
    return `table { ${keys.join(", ")} }`;
  }
  const values = typeof additionalProperties === "object" ? typeOf(additionalProperties) : "values";
  return `table of ${values}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PAGE, await referencePage());

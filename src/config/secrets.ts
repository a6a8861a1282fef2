import { MASK } from "../model/mask.ts";
import { toSnakeCase } from "./case.ts";
import { isPlainObject } from "./references.ts";
import type { AnyKind } from "./registry.ts";
import type { Fields } from "./schema.ts";

/** Tells of each value of the options that a kind marks secret: it must not be shown. */
export function rememberSecrets(kind: AnyKind, options: unknown, addSecret: (secret: string) => void): void {
  for (const key of kind.secrets ?? []) {
    for (const text of textsOf(valueAt(options, key))) addSecret(text);
  }
}

/** A secret inside a table is named by its way, such as `tls.key`. */
function valueAt(options: unknown, way: string): unknown {
  return way
    .split(".")
    .reduce<unknown>((value, key) => (isPlainObject(value) ? value[key] : undefined), options);
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** What a file says of a component, with `***` for the options that its kind marks secret. */
export function maskSecrets(kind: AnyKind, masked: Fields): Fields {
  const secrets = new Set((kind.secrets ?? []).map(toSnakeCase));
  const hide = (fields: Fields, way = ""): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => {
        const own = `${way}${toSnakeCase(key)}`;
        if (secrets.has(own)) return [key, MASK];
        return [key, isPlainObject(value) && way === "" ? hide(value, `${own}.`) : value];
      }),
    );
  const context = masked["execution_context"];
  const hidden = hide(masked);
  return isPlainObject(context) ? { ...hidden, execution_context: hide(context) } : hidden;
}

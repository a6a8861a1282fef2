import { MASK } from "../model/mask.ts";
import { toSnakeCase } from "./case.ts";
import { isPlainObject } from "./references.ts";
import type { AnyKind } from "./registry.ts";
import type { Fields } from "./schema.ts";

/** Tells of each value of the options that a kind marks secret: it must not be shown. */
export function rememberSecrets(kind: AnyKind, options: unknown, addSecret: (secret: string) => void): void {
  for (const key of kind.secrets ?? []) {
    for (const text of textsOf((options as Fields)[key])) addSecret(text);
  }
}

function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** What a file says of a component, with `***` for the options that its kind marks secret. */
export function maskSecrets(kind: AnyKind, masked: Fields): Fields {
  const secrets = new Set((kind.secrets ?? []).map(toSnakeCase));
  const hide = (fields: Fields): Fields =>
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, secrets.has(toSnakeCase(key)) ? MASK : value]),
    );
  const context = masked["execution_context"];
  const hidden = hide(masked);
  return isPlainObject(context) ? { ...hidden, execution_context: hide(context) } : hidden;
}

/** `catch_up` → `catchUp`: from a config file's spelling to the code's. */
export function toCamelCase(key: string): string {
  return key.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `catchUp` → `catch_up`: from the code's spelling to a config file's. */
export function toSnakeCase(key: string): string {
  return key.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A copy with its own keys converted; what lies deeper is left as it is. */
export function mapKeys(
  record: Readonly<Record<string, unknown>>,
  convert: (key: string) => string,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [convert(key), value]));
}

import { SluiceError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};
const SIZE = /^(\d+(?:\.\d+)?) ?([KMGT]?(?:i?B))$/i;

/** Reads a size as bytes: a whole number of them, or text such as `"512MB"` or `"10 GiB"`. @throws SluiceError INVALID_OPTIONS */
export function parseSize(value: number | string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  const match = typeof value === "string" ? SIZE.exec(value) : null;
  const bytes =
    match === null ? 0 : Math.floor(Number(match[1]) * (UNITS[(match[2] as string).toUpperCase()] ?? 0));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${JSON.stringify(value)} is not a size; write bytes as a number, or text such as "512MB" or "10GiB"`,
  );
}

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { SluiceError } from "../model/errors.ts";

/** A payload as it was typed: JSON, `@FILE`, or `-` for stdin. @throws SluiceError INVALID_OPTIONS */
export async function readData(argument: string): Promise<unknown> {
  const json = await readText(argument);
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new SluiceError("INVALID_OPTIONS", `--data is not JSON: ${(cause as Error).message}`, { cause });
  }
}

async function readText(argument: string): Promise<string> {
  if (argument === "-") return text(process.stdin);
  if (!argument.startsWith("@")) return argument;
  const file = argument.slice(1);
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new SluiceError("INVALID_OPTIONS", `--data: ${file} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

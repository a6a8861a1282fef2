import { readFileSync } from "node:fs";

/**
 * The fenced blocks of a guide that a test executes: those whose info string has a name after the language, as in
 * "```toml sluice.toml". A name stands for one block.
 */
export function guideBlocks(guide: string): (name: string) => string {
  const text = readFileSync(new URL(`../../docs/guides/${guide}`, import.meta.url), "utf8");
  const blocks = new Map<string, string>();
  for (const [, name = "", body = ""] of text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)) {
    if (blocks.has(name)) throw new Error(`${guide} has two blocks named ${name}`);
    blocks.set(name, body);
  }
  return (name) => {
    const block = blocks.get(name);
    if (block === undefined) throw new Error(`${guide} has no block named ${name}`);
    return block;
  };
}

/** The commands of a `sh` block, without `sluice` itself. */
export function commandsOf(block: string): readonly (readonly string[])[] {
  return block
    .trim()
    .split("\n")
    .map((line) => line.split(" ").slice(1));
}

// Who may import whom, and cycles (.dependency-cruiser.mjs); no `export *`. Fails, too, if the cruiser overlooked a file
// or its imports: without a parser for our TypeScript it would find nothing, and nothing wrong.
import { readFile, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { root, run } from "./run.ts";

interface Cruise {
  readonly modules: readonly { readonly source: string; readonly dependencies: readonly unknown[] }[];
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
      readonly comment?: string;
      readonly cycle?: readonly { readonly name: string }[];
    }[];
  };
}

const FOLDERS = ["src", "test", "bench", "examples", "scripts", "ui"];

const sources = (await Promise.all(FOLDERS.map(typescriptFiles))).flat();
const folders = FOLDERS.filter((folder) => sources.some((source) => source.startsWith(`${folder}/`)));
const { output } = await run("depcruise", [...folders, "--output-type", "json"], { keep: true });
const cruise = parse(output);

const complaints = cruise.summary.violations.map(({ from, to, rule, cycle }) => {
  const path = cycle === undefined ? to : cycle.map(({ name }) => name).join(" → ");
  return `${rule.name}: ${from} → ${path}`;
});
const found = new Map(cruise.modules.map(({ source, dependencies }) => [source, dependencies.length]));
for (const source of sources) {
  const text = await readFile(join(root, source), "utf8");
  const imports = /^(?:import|export) [^;"]*from "/m.test(text) ? 1 : 0;
  if ((found.get(source) ?? -1) < imports)
    complaints.push(`the cruiser overlooked ${source}, or what it imports`);
  if (/^export \* (?:from|as)/m.test(text))
    complaints.push(`${source} has an "export *": name what it exports`);
}

for (const complaint of complaints) console.error(complaint);
console.log(`${sources.length} files, ${complaints.length} complaints`);
process.exitCode = complaints.length === 0 ? 0 : 1;

async function typescriptFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.includes("/.data/") && !path.includes("/node_modules/"));
}

/** The cruiser warns on the same streams, before and after its JSON. */
function parse(text: string): Cruise {
  const from = text.indexOf("{\n");
  const to = text.lastIndexOf("\n}");
  if (from === -1 || to === -1)
    throw new Error(`dependency-cruiser did not answer JSON: ${text.slice(0, 2_000)}`);
  return JSON.parse(text.slice(from, to + 2)) as Cruise;
}

// Compiles src into dist, which mirrors it, and the page into dist/ui; removes what an earlier build left; and fails if
// package.json promises a file that was not built.
import { chmod, readdir, rm } from "node:fs/promises";
import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { root, run } from "./run.ts";

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

const dist = join(root, "dist");
const pageFolder = join(dist, "ui", sep);
const { code, output } = await run("tsc", ["-p", "tsconfig.build.json", "--listEmittedFiles"], {
  keep: true,
});
const emitted = new Set<string>();
for (const line of output.split("\n")) {
  if (line.startsWith("TSFILE: ")) emitted.add(resolve(root, line.slice("TSFILE: ".length).trim()));
  else if (line.trim() !== "") console.error(line);
}
if (code !== 0) process.exit(code);

const page = await run("vite", ["build", "--config", "ui/vite.config.ts"], { keep: true });
if (page.code !== 0) {
  console.error(page.output);
  process.exit(page.code);
}

for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !emitted.has(path) && !path.startsWith(pageFolder)) await rm(path);
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const missing = promised(manifest).filter((path) => !existsSync(join(root, path)));
if (missing.length > 0) {
  console.error(`package.json promises what was not built: ${missing.join(", ")}`);
  process.exit(1);
}
for (const path of Object.values(manifest.bin)) await chmod(join(root, path), 0o755);
console.log(`built ${emitted.size} files into ${relative(root, dist)}`);

function promised({ bin, exports }: Manifest): string[] {
  const targets = Object.values(exports).flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry),
  );
  return [...new Set([...Object.values(bin), ...targets])];
}

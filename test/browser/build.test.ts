import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { buildPage } from "./build.ts";

test("the page is under 60 KB, compressed, and holds nothing inline", async () => {
  await using built = await buildPage();
  const files = readdirSync(built.folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  const bytes = paths.reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0);
  expect(bytes).toBeLessThan(60_000);
  expect(paths.every((path) => statSync(path).size > 0)).toBe(true);
  const html = readFileSync(join(built.folder, "index.html"), "utf8");
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)/i);
  expect(html).not.toMatch(/https?:\/\//);
});

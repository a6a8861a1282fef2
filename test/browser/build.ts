import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/run.ts";

export interface BuiltPage extends AsyncDisposable {
  readonly folder: string;
}

/** Builds the page from its sources into a folder of its own: what others serve meanwhile is left alone. */
export async function buildPage(): Promise<BuiltPage> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-page-"));
  const argv = ["build", "--config", "ui/vite.config.ts", "--outDir", folder, "--emptyOutDir"];
  const { code, output } = await run("vite", argv, { keep: true });
  if (code !== 0) throw new Error(output);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

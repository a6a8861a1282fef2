// `npm run bench:peers [-- SCENARIO… --rounds N --json]`: the engine against others, by the same load and in the same
// run. Installs them first, into this folder; needs Debian's redis-server. Events that a peer loses or doubles make
// the figures of that scenario void, as ours do.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { rm } from "node:fs/promises";
import { run } from "../../scripts/run.ts";
import { measureAndPrint, readArguments } from "../command.ts";
import { makeFolder } from "../scenario.ts";
import { compare } from "./scenarios.ts";
import { startServers } from "./servers.ts";

if (!existsSync(join(import.meta.dirname, "node_modules"))) {
  console.error("installing the peers …");
  const argv = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { code, output } = await run("npm", argv, { keep: true, cwd: import.meta.dirname });
  if (code !== 0) throw new Error(`the peers could not be installed:\n${output}`);
}
const folder = await makeFolder();
try {
  await using servers = await startServers(folder);
  await measureAndPrint(readArguments("npm run bench:peers", compare(servers)));
} finally {
  await rm(folder, { recursive: true, force: true });
}

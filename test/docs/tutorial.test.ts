import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../examples/support/free-port.ts";
import { until } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";
import { openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const ROOT = join(import.meta.dirname, "../..");
const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

let folder: string;
let dev: ChildProcess | undefined;
let log = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-tutorial-"));
});
afterEach(async () => {
  await stopDev();
  await rm(folder, { recursive: true, force: true });
});

/** As after `npm install`: the package is found by its name, and `npx sluice` runs it. */
async function install(): Promise<void> {
  const module = join(folder, "node_modules/sluice");
  await mkdir(module, { recursive: true });
  await writeFile(join(module, "package.json"), '{"name":"sluice","type":"module","exports":"./index.js"}');
  await writeFile(join(module, "index.js"), `export * from ${JSON.stringify(join(ROOT, "src/index.ts"))};`);
  await writeFile(join(folder, "package.json"), '{"type":"module"}');
  const npx = join(folder, "node_modules/npx");
  await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${ROOT}/src/cli/main.ts" "$@"\n`);
  await chmod(npx, 0o755);
}

function shell(script: string, env: Record<string, string> = {}): ChildProcess {
  const path = `${join(folder, "node_modules")}:${process.env["PATH"]}`;
  const inherited = { PATH: path, HOME: process.env["HOME"] };
  return spawn("sh", ["-ec", script], { cwd: folder, env: { ...inherited, ...env } });
}

async function output(script: string): Promise<string> {
  const child = shell(script);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, "close") as Promise<[number]>,
  ]);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
  return stdout;
}

async function startDev(env: Record<string, string> = {}): Promise<void> {
  dev = shell("exec npx sluice dev", env);
  log = "";
  for (const stream of [dev.stdout, dev.stderr]) stream?.on("data", (chunk) => (log += String(chunk)));
  await until(async () => / runs; the page: /.test(log));
}

async function stopDev(): Promise<void> {
  if (dev === undefined || dev.exitCode !== null || dev.signalCode !== null) return;
  const closed = once(dev, "close");
  dev.kill("SIGTERM");
  await closed;
}

/** Saves files, and waits until `dev` runs with them. */
async function save(files: Readonly<Record<string, string>>): Promise<void> {
  log = "";
  await Promise.all(Object.entries(files).map(([file, content]) => writeFile(join(folder, file), content)));
  await until(async () => /was saved[^]* runs; the page: /.test(log));
}

const read = async (file: string): Promise<string> => readFile(join(folder, file), "utf8");

describe.skipIf(server === undefined)(`the tutorial ${reason ?? ""}`, () => {
  test(
    "does what it says, from an empty folder to a table between two stages",
    { timeout: 120_000 },
    async () => {
      const port = await freePort();
      const guide = guideBlocks("../tutorial.md");
      const block = (name: string): string => guide(name).replaceAll("127.0.0.1:8787", `127.0.0.1:${port}`);
      await install();
      await output("npx sluice init");
      const first = (await read("sluice.toml")).replace("127.0.0.1:8787", `127.0.0.1:${port}`);
      await writeFile(join(folder, "sluice.toml"), first);
      await startDev();

      const { uid } = JSON.parse(await output(block("send"))) as { uid: string };
      await until(async () => (await output("npx sluice runs")).includes("succeeded"));
      expect(await output(block("look"))).toMatch(/greet +function +running/);
      expect(await output(`npx sluice logs ${uid}/greet`)).toContain(uid);

      const shaped = first.replace(/\[\[input\]\][^[]*/, `${block("input")}\n`);
      const checking = block("processes/greet.ts");
      await save({ "sluice.toml": shaped, "processes/greet.ts": checking });

      await output(block("fail"));
      await until(async () => (await output(block("dead"))).includes("order 2 has no total"));
      const mended = checking.replace(/ {2}const \{ id, total \}[^]*?;\n[^]*?;\n/, block("mend"));
      expect(mended).not.toBe(checking);
      await save({ "processes/greet.ts": mended });
      await output(block("replay"));
      await until(async () => !(await output("npx sluice runs")).includes("dead"));
      expect(await output("npx sluice runs --state dead --json")).toContain('"items":[]');

      const WAREHOUSE_URL = (await server?.createDatabase()) as string;
      const client = await openClient(WAREHOUSE_URL);
      await client.query(block("schema.sql"));
      await stopDev();
      await writeFile(join(folder, "sluice.toml"), `${shaped}\n${block("stages")}`);
      await startDev({ WAREHOUSE_URL });
      const [, order = ""] = /^\{"uid":"([^"]+)"\}/.exec(await output(block("journey"))) ?? [];
      await until(
        async () => (await client.query("select 1 from report where orders = 1")).rows.length === 1,
      );
      await until(async () => /report +succeeded/.test(await output(`npx sluice show ${order}`)));
      expect(await output(`npx sluice show ${order}`)).toMatch(
        /shop\.orders[^]*greet[^]*checked\.orders[^]*land[^]*raw\.orders[^]*report/,
      );
      await client.end();
    },
  );
});

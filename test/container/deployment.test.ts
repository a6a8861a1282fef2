import { execFile } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../examples/support/free-port.ts";
import { until } from "../support/cli.ts";
import { ensureBuilt } from "../support/dist.ts";
import { dockerForTests } from "../support/docker.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = join(ROOT, "examples/deployment");
const { engine, reason } = await dockerForTests();
const docker = async (...args: string[]): Promise<string> => (await engine?.docker(...args)) ?? "";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-deployment-"));
});
afterAll(async () => {
  await engine?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What `node:26-slim` is for our purposes: the Node of this machine, what it links to, and a shell. */
async function importNode(): Promise<void> {
  const root = join(folder, "root");
  const { stdout } = await run("ldd", [process.execPath]);
  const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path as string);
  await mkdir(join(root, "bin"), { recursive: true });
  for (const library of libraries) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await copyFile(library, join(root, library));
  }
  await copyFile(process.execPath, join(root, "bin/node"));
  await copyFile("/bin/busybox", join(root, "bin/busybox"));
  await chmod(join(root, "bin/busybox"), 0o755);
  for (const applet of ["sh", "mkdir", "chown"]) await symlink("busybox", join(root, "bin", applet));
  await mkdir(join(root, "tmp"));
  await run("tar", ["-C", root, "-cf", join(folder, "root.tar"), "."]);
  await docker("import", join(folder, "root.tar"), "node:local");
}

/** The folder of a user's pipeline, with the package and what it needs, as `npm ci --omit=dev` puts them. */
async function layOut(): Promise<string> {
  const context = join(folder, "pipeline");
  await ensureBuilt();
  await cp(EXAMPLE, context, { recursive: true });
  await writeFile(join(context, "package.json"), '{"type":"module"}');
  const sluice = join(context, "node_modules/sluice");
  await cp(join(ROOT, "dist"), join(sluice, "dist"), { recursive: true });
  await copyFile(join(ROOT, "package.json"), join(sluice, "package.json"));
  await copyDependencies(join(ROOT, "package.json"), context);
  return context;
}

async function copyDependencies(
  manifest: string,
  context: string,
  done: Set<string> = new Set(),
): Promise<void> {
  const { dependencies = {} } = JSON.parse(await readFile(manifest, "utf8")) as { dependencies?: object };
  for (const name of Object.keys(dependencies)) {
    const found = findPackageJSON(name, pathToFileURL(manifest));
    if (found === undefined || done.has(found)) continue;
    done.add(found);
    const folderOf = dirname(found);
    await cp(folderOf, join(context, folderOf.slice(folderOf.indexOf("node_modules"))), { recursive: true });
    await copyDependencies(found, context, done);
  }
}

const SECRET = `whsec_${Buffer.from("a secret of orders").toString("base64")}`;

async function send(address: string, body: object): Promise<number> {
  const id = randomUUID();
  const timestamp = Math.floor(Date.now() / 1_000);
  const payload = JSON.stringify(body);
  const signature = createHmac("sha256", "a secret of orders")
    .update(`${id}.${timestamp}.${payload}`)
    .digest("base64");
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
  };
  return (await fetch(`${address}/hooks/orders`, { method: "POST", headers, body: payload })).status;
}

describe.skipIf(engine === undefined)(`the image of examples/deployment ${reason ?? ""}`, () => {
  test(
    "runs without rights, keeps its journal in the volume, is healthy, and stops cleanly",
    { timeout: 120_000 },
    async () => {
      await importNode();
      const context = await layOut();
      await docker(
        "build",
        "--quiet",
        "--network=none",
        "--build-arg",
        "NODE_IMAGE=node:local",
        "--tag",
        "orders",
        context,
      );
      const port = await freePort();
      const address = `http://127.0.0.1:${port}`;
      const config = await readFile(join(context, "sluice.toml"), "utf8");
      await writeFile(join(folder, "sluice.toml"), config.replace("8787", String(port)));
      await chmod(join(folder, "sluice.toml"), 0o644);
      await chmod(folder, 0o755);
      const options = [
        "--detach",
        "--init",
        "--name=orders",
        "--network=host",
        "--read-only",
        "--tmpfs=/tmp",
      ];
      const rights = ["--cap-drop=ALL", "--security-opt=no-new-privileges"];
      const mounted = `--volume=${join(folder, "sluice.toml")}:/app/sluice.toml:ro`;
      const secrets = ["--env=SLUICE_TOKEN=t0ken-of-the-test", `--env=ORDERS_SECRET=${SECRET}`];
      await docker("run", ...options, ...rights, "--volume=orders-data:/data", mounted, ...secrets, "orders");
      const isReady = async (): Promise<boolean> =>
        fetch(`${address}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
      const sluice = async (...args: string[]): Promise<string> =>
        docker("exec", "orders", "node", "node_modules/sluice/dist/cli/main.js", ...args);

      await until(isReady);
      expect(await send(address, { id: "o-1" })).toBe(202);
      await until(async () => (await sluice("runs", "--state", "succeeded")).includes("/greet"));
      expect((await fetch(`${address}/api/v1/runs`)).status).toBe(401);
      expect(await docker("exec", "orders", "busybox", "id", "-u")).toBe("1000\n");

      await docker("stop", "--time=30", "orders");
      expect((await docker("inspect", "--format={{.State.ExitCode}}", "orders")).trim()).toBe("0");
      await docker("start", "orders");
      await until(isReady);
      expect(await sluice("runs", "--state", "succeeded")).toContain("/greet");
    },
  );
});

const hasSystemd = existsSync("/usr/bin/systemd-analyze");
test.skipIf(!hasSystemd)(
  `the unit of systemd is one ${hasSystemd ? "" : "(systemd-analyze is not here)"}`,
  async () => {
    const unit = (await readFile(join(EXAMPLE, "sluice.service"), "utf8")).replace(
      "/usr/bin/node",
      process.execPath,
    );
    const file = join(folder, "sluice.service");
    await writeFile(file, unit);
    expect(await run("systemd-analyze", ["verify", file])).toEqual({ stdout: "", stderr: "" });
  },
);

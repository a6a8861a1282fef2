import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PIPELINE, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
beforeEach(() => {
  shop = workspace(PIPELINE);
});
afterEach(() => shop.remove());

interface Report {
  readonly ok: boolean;
  readonly findings: readonly { check: string; level: string; message: string; cure?: string }[];
}

async function examined(): Promise<{ code: number | null; report: Report }> {
  const { code, stdout } = await shop.sluice(["doctor", "--json", "--timeout", "5"]);
  return { code, report: JSON.parse(stdout) as Report };
}

test("a sound pipeline is well, before its first start and while it runs", async () => {
  expect(await examined()).toMatchObject({ code: 0, report: { ok: true } });
  await shop.run();
  const { code, report } = await examined();
  expect(code).toBe(0);
  expect(report.findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      "node",
      "clock",
      "config",
      "sync",
      "disk",
      "journal",
      "input orders",
      "process land",
    ]),
  );
  expect(report.findings.find(({ check }) => check === "journal")?.message).toContain("running");
  const { stdout } = await shop.sluice(["doctor"]);
  expect(stdout).toMatch(/^ok {7}node: Node /);
});

test("a port in use, a module that is not there and a damaged journal are each found, with a cure", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const ran = await shop.run();
  await ran.stop();
  shop.write("sluice.toml", `${PIPELINE}[http]\nlisten = "127.0.0.1:${port}"\n`);
  shop.write(".sluice/journal.db", "this is no journal".repeat(500));
  shop.write("land.ts", "export default 1;");
  const { code, report } = await examined();
  server.close();
  expect(code).toBe(1);
  const bad = report.findings.filter(({ level }) => level === "failed");
  expect(bad.map(({ check }) => check)).toEqual(["journal", "port of http", "process land"]);
  for (const { cure } of bad) expect(cure?.length).toBeGreaterThan(10);
});

test("a folder that is not there is told with its own cure", async () => {
  const files = '[[input]]\nname = "files"\ntype = "file"\npath = "inbox"\n';
  shop.write("sluice.toml", `${PIPELINE}${files}[[link]]\nfrom = "files"\nto = "land"\n`);
  const { report } = await examined();
  expect(report.findings.find(({ check }) => check === "input files")).toMatchObject({
    level: "failed",
    cure: expect.stringMatching(/^make the folder/),
  });
});

test("a file that is wrong is a finding, and the exit code is that of an invalid file", async () => {
  shop.write("sluice.toml", `${PIPELINE}[[link]]\nfrom = "nobody"\nto = "land"\n`);
  const { code, report } = await examined();
  expect(code).toBe(2);
  expect(report.findings.find(({ check }) => check === "config")).toMatchObject({
    level: "failed",
    message: expect.stringContaining("nobody"),
  });
});

test.each(["soon", "0", "-1", "1e9"])("a time-out of %j is refused", async (timeout) => {
  const { code, stderr } = await shop.sluice(["doctor", "--timeout", timeout]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("INVALID_OPTIONS") });
});

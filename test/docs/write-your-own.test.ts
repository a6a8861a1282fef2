import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";
import { endHost, startProgram } from "../support/host.ts";
import { installSluice, runNodeTests } from "../support/installed.ts";

const block = guideBlocks("write-your-own.md");

function folderOf(...files: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-own-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  installSluice(folder);
  writeFileSync(join(folder, "package.json"), `{"type":"module"}`);
  for (const file of files) writeFileSync(join(folder, file), block(file));
  return folder;
}

test(
  'the guide "Write your own" has a component whose tests hold by node --test',
  { timeout: 60_000 },
  async () => {
    const { code, said } = await runNodeTests(folderOf("counter.ts", "counter.test.ts"));
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^. pass \d\d$/m) });
    for (const what of ["an input passes on", "has its effect once"]) expect(said).toContain(what);
  },
);

test('the guide "Write your own" has a pipeline that goes on where it was', { timeout: 60_000 }, async () => {
  const folder = folderOf("counter.ts", "pipeline.ts");
  const written = (): string[] => {
    const file = join(folder, "ledger.txt");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };
  for (const life of [1, 2]) {
    const host = startProgram(join(folder, "pipeline.ts"), folder);
    try {
      await until(async () => written().length >= life * 5);
    } finally {
      await endHost(host, "SIGTERM");
    }
    expect(host.exitCode).toBe(0);
  }
  expect(new Set(written()).size).toBe(written().length);
});

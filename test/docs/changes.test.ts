import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../examples/support/free-port.ts";
import { workspace, type Workspace } from "../support/cli.ts";
import { commandsOf, guideBlocks } from "../support/guide.ts";

const block = guideBlocks("changes.md");
let shop: Workspace;
let port: number;
/** The page's address may be taken by another test. */
const text = (name: string): string => block(name).replace("127.0.0.1:8787", `127.0.0.1:${port}`);

beforeAll(async () => {
  port = await freePort();
  shop = workspace(text("sluice.toml"));
  shop.write("enrich.ts", block("enrich.ts"));
  await shop.run();
});
afterAll(() => shop.remove());

async function follow(name: string): Promise<{ stdout: string; stderr: string }> {
  const [argv = []] = commandsOf(block(name));
  const ended = await shop.sluice(argv);
  expect(ended).toMatchObject({ code: 0 });
  return ended;
}

test("the guide's change is planned, applied, listed and taken back", { timeout: 60_000 }, async () => {
  shop.write("sluice.toml", text("changed.toml"));
  expect((await follow("plan")).stdout).toBe(block("planned"));
  const applied = await follow("apply");
  expect(applied.stdout).toBe(`${block("planned")}version 2 runs\n`);
  expect(applied.stderr).toContain("read again at its next start");
  const versions = (await follow("versions")).stdout.split("\n");
  expect(versions[1]).toMatch(/^2 \(runs\) +\S+ +owner \(uid \d+\) +apply$/);
  expect(versions[2]).toMatch(/^1 +\S+ +start +start$/);
  expect((await follow("rollback")).stdout).toContain("- process notify (webhook)\n");
  expect((await follow("versions")).stdout).toMatch(/^3 \(runs\) .+ rollback$/m);
});

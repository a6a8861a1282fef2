import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
beforeAll(async () => {
  shop = workspace(PIPELINE);
  await shop.run();
});
afterAll(() => shop.remove());

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

test("tail prints events and runs as they happen, through the owner's socket", async () => {
  const child = spawn(process.execPath, [MAIN, "tail", "--json"], { cwd: shop.folder });
  const lines = createInterface({ input: child.stdout });
  const seen: Record<string, unknown>[] = [];
  const emitting = setInterval(() => {
    void shop.api("POST", "inputs/orders/events", { data: { fail: "the tail sees it" } });
  }, 100);
  for await (const line of lines) {
    seen.push(JSON.parse(line) as Record<string, unknown>);
    if (seen.some(({ state }) => state === "dead")) break;
  }
  clearInterval(emitting);
  child.kill();
  await once(child, "close");
  expect(seen).toContainEqual(
    expect.objectContaining({ type: "event", trigger: "orders", processes: ["land"] }),
  );
  expect(seen).toContainEqual(
    expect.objectContaining({
      type: "run",
      process: "land",
      error: { code: "RUN_FAILED", message: "the tail sees it" },
    }),
  );
});

test("restart starts an input anew, and says which there are if there is none of the name", async () => {
  expect(await shop.json(["restart", "orders"])).toMatchObject({ name: "orders", type: "function" });
  expect(await shop.sluice(["restart", "ordres"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean "orders"'),
  });
});

test("backup copies the journal of a pipeline that runs, once", async () => {
  const made = await shop.json<{ file: string }>(["backup", "copy.db"]);
  expect(existsSync(made.file)).toBe(true);
  expect((await shop.sluice(["events", "--journal", "copy.db"])).code).toBe(0);
  expect(await shop.sluice(["backup", "copy.db"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is there already"),
  });
});

test("forget blanks what events of a key carried, and tells of those that it had to leave", async () => {
  const event = { location: "customers", id: "7", data: { name: "Ann" } };
  const { uid } = await shop.api<{ uid: string }>("POST", "inputs/orders/events", event);
  await until(async () => {
    const { runs } = await shop.api<{ runs: { state: string }[] }>("GET", `events/${uid}`);
    return runs.every(({ state }) => state === "succeeded");
  });
  expect(await shop.json(["forget", "--key", "customers/7"])).toEqual({ events: 1, open: 0 });
  expect(await shop.api("GET", `events/${uid}`)).not.toHaveProperty("event.data");
  const waiting = { ...event, data: { wait: true } };
  await shop.api("POST", "inputs/orders/events", waiting);
  expect(await shop.sluice(["forget", "--key", "customers/7"])).toMatchObject({
    code: 1,
    stdout: "1 event forgotten\n",
    stderr: expect.stringContaining("1 event left"),
  });
});

test("graph draws a picture by itself", async () => {
  const { code, stdout } = await shop.sluice(["graph", "--format", "svg"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^<svg xmlns/);
  expect(stdout).toContain(">orders<");
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])("of %s names every command and its options", async (shell) => {
    const { code, stdout } = await shop.sluice(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["backup", "tail", "replay", "dry-run", "format"]) expect(stdout).toContain(word);
  });

  test("of bash is one that bash takes, and completes", async () => {
    const { stdout } = await shop.sluice(["completion", "bash"]);
    const ask = `${stdout}\nCOMP_WORDS=(sluice rest) COMP_CWORD=1; _sluice; echo "\${COMPREPLY[@]}"`;
    expect(execFileSync("bash", ["-c", ask], { encoding: "utf8" }).trim()).toBe("restart");
  });

  test("of another shell is refused", async () => {
    expect((await shop.sluice(["completion", "tcsh"])).code).toBe(2);
  });
});

test("every command's help has an example, and the reference lists every command", async () => {
  const { stdout } = await shop.sluice(["--help"]);
  const names = [...stdout.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name as string);
  const commands = names.filter((name) => name !== "help");
  expect(commands.length).toBeGreaterThan(20);
  const page = readFileSync(new URL("../../docs/reference/cli.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^\| `sluice ([a-z]+)/gm)].map(([, name]) => name);
  expect(listed).toEqual(expect.arrayContaining(commands));
  const helps = await Promise.all(commands.map((name) => shop.sluice([name, "--help"])));
  for (const [index, { stdout: help }] of helps.entries()) {
    expect(help, commands[index]).toMatch(/Examples?.*:\n {2}\$ sluice /);
    expect(help, commands[index]).toContain("--json");
  }
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functionInput } from "../../src/inputs/function.ts";
import { pollInput } from "../../src/inputs/poll/index.ts";
import { sseInput } from "../../src/inputs/sse/index.ts";
import { checkOptions, type Surroundings } from "../../src/model/kind.ts";
import { commandProcess } from "../../src/processes/command.ts";
import { functionProcess } from "../../src/processes/function/index.ts";
import { webhookProcess } from "../../src/processes/webhook.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-check-"));
  await writeFile(join(directory, "work.mjs"), `export const run = () => undefined, handle = run;`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

type Checked =
  | typeof commandProcess
  | typeof functionProcess
  | typeof functionInput
  | typeof webhookProcess
  | typeof pollInput
  | typeof sseInput;

async function check(kind: Checked, options: object): Promise<void> {
  const surroundings: Surroundings = { directory };
  await kind.check?.(checkOptions<never, never>(kind as never, options, "c"), surroundings);
}

describe("looking whether the outside is as it must be finds", () => {
  test("a program", async () => {
    await expect(check(commandProcess, { argv: ["sh"] })).resolves.toBeUndefined();
    await expect(check(commandProcess, { argv: ["no-such-program"] })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
    });
    await expect(check(commandProcess, { argv: ["sh"], env: { PATH: directory } })).rejects.toMatchObject({
      code: "COMMAND_NOT_FOUND",
    });
  });

  test("a function", async () => {
    for (const kind of [functionInput, functionProcess]) {
      await expect(check(kind, { module: "./work.mjs" })).resolves.toBeUndefined();
      await expect(check(kind, { module: "./work.mjs", export: "other" })).rejects.toMatchObject({
        code: "MODULE_NOT_FOUND",
        message: expect.stringContaining("it exports handle, run"),
      });
    }
  });

  test("who listens at a URL", async () => {
    const kinds = [webhookProcess, pollInput, sseInput];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    for (const kind of kinds) await expect(check(kind, { url, allowPrivate: true })).resolves.toBeUndefined();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    for (const kind of kinds) {
      await expect(check(kind, { url, allowPrivate: true })).rejects.toMatchObject({ code: "NETWORK" });
      await expect(check(kind, { url })).rejects.toMatchObject({ code: "PRIVATE_ADDRESS" });
    }
  });
});

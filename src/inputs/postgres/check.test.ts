import { createServer, connect as connectTcp, type AddressInfo, type Server } from "node:net";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { openClient } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import { checkOptions } from "../../model/kind.ts";
import { checkSource } from "./check.ts";
import { postgresInput } from "./index.ts";
import { checkSlot } from "./replication/index.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

/** Stands before a server and makes up the pid of the backend, as poolers do: the message `K`, of 12 bytes. */
async function startPooler(port: number): Promise<{ pooler: Server; port: number }> {
  const pooler = createServer((near) => {
    const far = connectTcp(port, "127.0.0.1");
    const head = Buffer.from([0x4b, 0, 0, 0, 12]);
    near.on("data", (chunk) => far.write(chunk)).on("close", () => far.destroy());
    far
      .on("data", (chunk) => {
        const bytes = Buffer.from(chunk as Uint8Array);
        const at = bytes.indexOf(head);
        if (at !== -1) bytes.writeInt32BE(999_999, at + head.length);
        near.write(bytes);
      })
      .on("close", () => near.destroy());
    for (const socket of [near, far]) socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => pooler.listen(0, "127.0.0.1", resolve));
  return { pooler, port: (pooler.address() as AddressInfo).port };
}

describe.skipIf(server === undefined)(`the check of a postgres input ${reason ?? ""}`, () => {
  const poolers: Server[] = [];
  afterEach(() => {
    for (const pooler of poolers.splice(0)) pooler.close();
  });

  function check(options: Record<string, unknown>): Promise<void> {
    const resolved = checkOptions(postgresInput, { tables: ["t"], ...options }, "orders");
    return resolved.mode === "outbox" ? checkSource(resolved) : checkSlot(resolved);
  }

  test.each(["outbox", "replication"])(
    "names a pooler, and is content with a direct way beside it: %s",
    async (mode) => {
      const url = (await server?.createDatabase()) as string;
      const { pooler, port } = await startPooler(Number(new URL(url).port));
      poolers.push(pooler);
      const pooled = new URL(url);
      pooled.port = String(port);
      await expect(check({ mode, connectionString: pooled.href })).rejects.toMatchObject({
        code: "SQL_FAILED",
        message: expect.stringMatching(/connection_string goes through a pooler.*set direct/) as string,
      });
      await check({ mode, connectionString: pooled.href, direct: url });
    },
  );

  test("says which right is missing on a table that a glob finds", async () => {
    const url = (await server?.createDatabase()) as string;
    const client = await openClient(url);
    await client.query(`create schema sales; create table sales.orders (id int); create role looks login password 'x';
      grant usage on schema sales to looks; grant create on database "${new URL(url).pathname.slice(1)}" to looks`);
    const as = new URL(url);
    [as.username, as.password] = ["looks", "x"];
    await expect(check({ connectionString: as.href, tables: ["sales.*"] })).rejects.toMatchObject({
      message: expect.stringContaining("may not put a trigger on sales.orders") as string,
    });
    await client.query("grant trigger on sales.orders to looks");
    await check({ connectionString: as.href, tables: ["sales.*"] });
    await client.end();
  });
});

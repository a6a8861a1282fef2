import { createServer, connect as connectTcp, type AddressInfo, type Server } from "node:net";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import type pg from "pg";
import { eventually, openClient, startReadyInput } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import { checkOptions, type CheckReport } from "../../model/kind.ts";
import { checkSource } from "./check.ts";
import { postgresInput } from "./index.ts";
import { checkSlot } from "./replication/index.ts";
import { subscriptionOf } from "./subscription.ts";

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
  const clients: pg.Client[] = [];
  afterEach(async () => {
    for (const pooler of poolers.splice(0)) pooler.close();
    for (const client of clients.splice(0)) await client.end();
  });

  const owner = { name: "orders", pipeline: "shop" };

  function check(options: Record<string, unknown>): Promise<CheckReport> {
    const resolved = checkOptions(postgresInput, { tables: ["t"], ...options }, "orders");
    return resolved.mode === "outbox" ? checkSource(resolved, owner, 1) : checkSlot(resolved, owner);
  }

  /** A database, its owner's client, and the address of a role that may do nothing there yet. */
  async function withRole(
    role: string,
    attributes = "",
  ): Promise<{ url: string; as: string; client: pg.Client }> {
    const url = (await server?.createDatabase()) as string;
    const client = await openClient(url);
    clients.push(client);
    const as = new URL(url);
    [as.username, as.password] = [role, "x"];
    await client.query(`create role ${role} login password 'x' ${attributes};
      grant create on database "${as.pathname.slice(1)}" to ${role}`);
    return { url, as: as.href, client };
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

  test("names every table that may not have a trigger, with what to grant", async () => {
    const { as, client } = await withRole("triggers");
    await client.query(`create schema sales; create table sales.orders (id int); create table sales."Items" (id int);
      grant usage on schema sales to triggers`);
    await expect(check({ connectionString: as, tables: ["sales.*"] })).rejects.toThrow(
      'role triggers may not put a trigger on sales.Items, sales.orders: GRANT TRIGGER ON "sales"."Items", "sales"."orders" TO "triggers"',
    );
    await client.query('grant trigger on sales.orders, sales."Items" to triggers');
    const { notes } = await check({ connectionString: as, tables: ["sales.orders"] });
    expect(notes).toEqual([
      {
        message:
          'backfill and audit of sales.orders need the right to read it: GRANT USAGE ON SCHEMA "sales" TO "triggers"; GRANT SELECT ON "sales"."orders" TO "triggers"',
      },
    ]);
    await client.query("grant select on sales.orders to triggers");
    expect(await check({ connectionString: as, tables: ["sales.orders"] })).toMatchObject({ notes: [] });
    await client.query("alter table sales.orders enable row level security");
    expect(await check({ connectionString: as, tables: ["sales.orders"] })).toMatchObject({
      notes: [{ message: expect.stringContaining("BYPASSRLS") as string }],
    });
  });

  test("names every table that may not be published or read for a snapshot, with what to grant", async () => {
    const { as, client, url } = await withRole("publishes", "replication");
    await client.query(
      "create role keeper; create schema s; create table s.a (id int); create table s.b (id int)",
    );
    await client.query(
      "alter table s.b owner to keeper; create table mine (id int); alter table mine owner to publishes",
    );
    const options = { connectionString: as, mode: "replication", tables: ["s.*", "mine"] };
    await expect(check(options)).rejects.toThrow(
      /role publishes may not publish s\.a, s\.b, which only their owners may: GRANT "postgres", "keeper" TO "publishes"/,
    );
    // One of them grants the right to publish, which is not yet the right to see the schema.
    await client.query("alter table s.a owner to keeper; grant keeper to publishes");
    const grant =
      /s\.a, s\.b, as snapshot = "initial" must: GRANT USAGE ON SCHEMA "s" TO "publishes"; GRANT SELECT ON/;
    await expect(check({ ...options, snapshot: "initial" })).rejects.toThrow(grant);
    expect((await check(options)).notes).toHaveLength(2);
    await client.query("grant usage on schema s to publishes");
    expect(await check({ ...options, snapshot: "initial" })).toEqual({ notes: [] });

    const { channel } = subscriptionOf("shop/orders");
    await client.query(`create publication ${channel} for table s.a`);
    await expect(check(options)).rejects.toThrow(
      `the publication ${channel} is that of role postgres, and publishes may not change it: ALTER PUBLICATION ${channel} OWNER TO "publishes"`,
    );
    await client.query(
      `alter publication ${channel} owner to publishes; revoke keeper from publishes; grant usage on schema s to publishes`,
    );
    // What is published already needs nobody's leave.
    expect(await check({ ...options, tables: ["s.a", "mine"] })).toMatchObject({ notes: [{}] });
    await client.query(`revoke create on database "${new URL(url).pathname.slice(1)}" from publishes`);
    await check({ ...options, tables: ["s.a"] });
  });

  test("tells what waits in an outbox, and that nobody reads it", async () => {
    const url = (await server?.createDatabase()) as string;
    const client = await openClient(url);
    clients.push(client);
    await client.query("create table t (id int primary key)");
    const options = { connectionString: url };
    expect(await check(options)).toEqual({ notes: [] });
    const input = await startReadyInput(url, { tables: ["t"], subscription: "shop/orders" });
    await client.query("insert into t values (0)");
    await input.context.waitFor(1);
    await eventually(
      () => check(options),
      ({ lag }) => lag?.events === 0,
    );
    await input.stop();
    await client.query("insert into t values (1), (2)");
    const { lag, notes } = await check(options);
    expect(lag).toMatchObject({ events: 2, bytes: expect.any(Number) as number });
    expect(Math.abs((lag?.oldest ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(notes).toMatchObject([
      {
        message: expect.stringContaining("nobody reads it") as string,
        cure: expect.stringContaining("uninstall") as string,
      },
    ]);
  });

  test("tells how far a slot is behind, and what the server keeps for it", async () => {
    const url = (await server?.createDatabase()) as string;
    const client = await openClient(url);
    clients.push(client);
    await client.query("create table t (id int primary key)");
    const input = await startReadyInput(url, {
      tables: ["t"],
      mode: "replication",
      subscription: "shop/orders",
      pollInterval: "200ms",
    });
    const told = await eventually(
      () => input.context.reported.lag,
      (one) => one !== undefined,
    );
    expect(told).toMatchObject({
      bytes: expect.any(Number) as number,
      retained: expect.any(Number) as number,
    });
    await input.stop();
    await client.query("insert into t select generate_series(1, 1000)");
    const { lag } = await check({ connectionString: url, mode: "replication" });
    expect(lag?.bytes).toBeGreaterThan(50_000);
    expect(lag?.retained).toBeGreaterThanOrEqual(lag?.bytes ?? 0);
    const { rows } = await client.query(
      "select slot_name as name from pg_replication_slots where database = current_database()",
    );
    await eventually(
      async () =>
        client.query("select pg_drop_replication_slot($1)", [rows[0]?.name]).then(
          () => true,
          () => false,
        ),
      (done) => done,
    );
  });
});

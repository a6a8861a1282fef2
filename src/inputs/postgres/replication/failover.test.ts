import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type pg from "pg";
import { describe, expect, test } from "vitest";
import {
  eventually,
  openClient,
  startInput,
  startReadyInput,
  type RunningInput,
} from "../../../../test/support/postgres-input.ts";
import { postgresForTests, startPostgres } from "../../../../test/support/postgres.ts";

const run = promisify(execFile);
const { server, reason } = await postgresForTests();
await server?.stop();
const isTooOld = (server?.version ?? 0) < 17;

/** An address that stays the same, whichever server is behind it. */
async function startSwitch(
  port: number,
): Promise<{ port: number; turnTo(port: number): void; close(): void }> {
  let target = port;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectTcp(target, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("data", (chunk) => other.write(chunk)).on("error", () => undefined);
      one.on("close", () => {
        other.destroy();
        sockets.delete(one);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    turnTo(next) {
      target = next;
      cut();
    },
    close() {
      server.close();
      cut();
    },
  };
}

interface Pair extends AsyncDisposable {
  readonly primary: pg.Client;
  readonly standby: pg.Client;
  /** Of the one that serves. */
  readonly url: string;
  /** Ends the primary, and makes the standby one. */
  failOver(): Promise<void>;
}

/** A primary, and a standby that was made from a copy of it and keeps its slots in step. */
async function startPair(settings: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const folders = [
    await mkdtemp(join(tmpdir(), "sluice-primary-")),
    await mkdtemp(join(tmpdir(), "sluice-standby-")),
  ] as const;
  const initial = await startPostgres({ directory: folders[0], durable: false });
  const setup = await openClient(initial.connectionString("postgres"));
  await setup.query("select pg_create_physical_replication_slot('standby', true)");
  await setup.query("create table t (id int primary key)");
  await setup.end();
  await initial.stop();
  await run("cp", ["-a", `${initial.directory}/.`, folders[1]]);
  await writeFile(join(folders[1], "data", "standby.signal"), "");
  const primary = await startPostgres({ directory: folders[0], durable: false, settings });
  const { port, password } = primary;
  const standby = await startPostgres({
    directory: folders[1],
    durable: false,
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${port} user=postgres password=${password} dbname=postgres`,
      primary_slot_name: "standby",
      hot_standby_feedback: "on",
      sync_replication_slots: "on",
    },
  });
  const way = await startSwitch(port);
  const clients = await Promise.all(
    [primary, standby].map((server) => openClient(server.connectionString("postgres"))),
  );
  const [first, second] = clients as [pg.Client, pg.Client];
  return {
    primary: first,
    standby: second,
    url: primary.connectionString("postgres").replace(`:${port}/`, `:${way.port}/`),
    async failOver() {
      await primary.stop();
      await second.query("select pg_promote(true, 60)");
      way.turnTo(standby.port);
    },
    async [Symbol.asyncDispose]() {
      way.close();
      await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
      await Promise.all([primary.stop(), standby.stop()]);
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

const idsOf = (...inputs: RunningInput[]): number[] =>
  inputs.flatMap((input) => input.context.emitted.map(({ id }) => Number(id)));

/** Starts the input anew as the supervisor does, until it is ready. */
async function startedAnew(url: string, last: RunningInput): Promise<RunningInput> {
  const { entries, seen } = last.context;
  for (;;) {
    const next = startInput(url, { ...options, context: { state: entries, seen } });
    const how = await Promise.race([
      next.context.isReady.wait().then(() => "ready"),
      next.ended.catch((error: { code?: string }) => error.code),
    ]);
    if (how === "ready") return next;
    expect(how).toBe("SOURCE_UNAVAILABLE");
  }
}

const options = { mode: "replication", tables: ["t"], pollInterval: "200ms" } as const;

/** Waits until the standby has the slot, as far as `position`. */
async function untilSynced(primary: pg.Client, standby: pg.Client, position: string): Promise<void> {
  await eventually(
    async () => {
      // A new slot waits on the standby for what an idle server logs every 15 s only.
      await primary.query("select pg_log_standby_snapshot()");
      const { rows } = await standby.query(
        `select coalesce(bool_or(synced and not temporary and confirmed_flush_lsn >= $1::pg_lsn), false) as ok
         from pg_replication_slots where slot_name like 'sluice%'`,
        [position],
      );
      return rows[0].ok as boolean;
    },
    (ok) => ok,
    30_000,
  );
}

async function untilConfirmed(client: pg.Client, position: string): Promise<void> {
  const sql = "select bool_or(confirmed_flush_lsn >= $1::pg_lsn) as ok from pg_replication_slots";
  await eventually(
    async () => (await client.query(sql, [position])).rows[0].ok as boolean,
    (ok) => ok,
  );
}

async function positionOf(client: pg.Client): Promise<string> {
  return (await client.query("select pg_current_wal_lsn()::text as lsn")).rows[0].lsn as string;
}

describe.skipIf(isTooOld)(`a standby that is promoted ${reason ?? "(PostgreSQL 17 or later)"}`, () => {
  test("has the slot: the input goes on there without a gap", { timeout: 60_000 }, async () => {
    await using pair = await startPair({ synchronized_standby_slots: "standby" });
    const { primary, standby, url } = pair;
    const before = await startReadyInput(url, options);
    await primary.query("insert into t values (1)");
    await before.context.waitFor(1);
    await untilSynced(primary, standby, await positionOf(primary));
    await primary.query("insert into t select generate_series(2, 50)");
    await before.context.waitFor(50);
    await pair.failOver();
    await before.ended.catch(() => undefined);
    const input = await startedAnew(url, before);
    await standby.query("insert into t select generate_series(51, 100)");
    await input.context.waitFor(50);
    await input.stop();
    expect(idsOf(before, input)).toEqual(numbers(1, 100));
  });

  test(
    "and never had the last changes, is read from where it is: what it writes in their place is not passed over",
    { timeout: 60_000 },
    async () => {
      await using pair = await startPair();
      const { primary, standby, url } = pair;
      const before = await startReadyInput(url, options);
      await primary.query("insert into t values (1)");
      await before.context.waitFor(1);
      await untilSynced(primary, standby, await positionOf(primary));
      await standby.query("alter system set primary_conninfo = ''");
      await standby.query("select pg_reload_conf()");
      await eventually(
        async () => (await standby.query("select 1 from pg_stat_wal_receiver")).rows.length,
        (count) => count === 0,
      );
      // The journal has these, and the standby never will.
      await primary.query("insert into t select generate_series(2, 20000)");
      await before.context.waitFor(20_000);
      await pair.failOver();
      await before.ended.catch(() => undefined);

      const input = await startedAnew(url, before);
      expect(input.lines).toContainEqual(expect.stringMatching(/was promoted or restored without the last/));
      await standby.query("insert into t values (30001)");
      await input.context.waitFor(1);
      await untilConfirmed(standby, await positionOf(standby));
      await input.stop();
      await standby.query("insert into t values (30002)");
      const last = await startedAnew(url, input);
      await standby.query("insert into t values (30003)");
      await last.context.waitFor(2);
      await last.stop();
      expect(idsOf(input, last)).toEqual([30_001, 30_002, 30_003]);
    },
  );
});

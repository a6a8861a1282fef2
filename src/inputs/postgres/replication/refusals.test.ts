import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  eventually,
  openClient,
  startInput,
  startReadyInput,
  type RunningInput,
  type StartOptions,
} from "../../../../test/support/postgres-input.ts";
import { createKeepingLogger } from "../../../../test/support/logger.ts";
import { postgresForTests } from "../../../../test/support/postgres.ts";
import { startSilentProxy } from "../../../../test/support/silent-proxy.ts";
import { systemClock } from "../../../engine/system.ts";
import type { StateEntry } from "../../../model/component.ts";
import { checkOptions } from "../../../model/kind.ts";
import { connect } from "../../../postgres/connect.ts";
import { createInputContext } from "../../../testing/context.ts";
import { postgresInput } from "../index.ts";
import { captureBySlot } from "./capture.ts";
import { checkSlot } from "./index.ts";
import { STATE_KEY, describeSource, dropSlot, slotStatus } from "./slot.ts";
import { connectForReplication } from "./stream.ts";
import { createWatch } from "./watch.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`a replication slot that cannot be used ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  const running: RunningInput[] = [];

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    await client.query("create table t (id int primary key)");
  });
  afterEach(async () => {
    for (const input of running.splice(0)) await input.stop().catch(() => undefined);
    const slots = "select slot_name, active from pg_replication_slots";
    await eventually(
      async () => (await client.query(slots)).rows,
      (rows) => rows.every(({ active }) => active === false),
    );
    for (const { slot_name: slot } of (await client.query(slots)).rows)
      await client.query("select pg_drop_replication_slot($1)", [slot]);
    await client.end();
  });

  const defaults = { mode: "replication", tables: ["t"], pollInterval: "200ms" } as const;
  const start = (options: Partial<StartOptions> = {}): RunningInput =>
    startInput(url, { ...defaults, ...options });
  async function startReady(options: Partial<StartOptions> = {}): Promise<RunningInput> {
    const input = await startReadyInput(url, { ...defaults, ...options });
    running.push(input);
    return input;
  }
  /** What the journal remembers of a slot that was read, changed as given. */
  async function remembered(changes: Readonly<Record<string, string>>): Promise<Map<string, StateEntry>> {
    const input = await startReady();
    await input.stop();
    const { entries } = input.context;
    const entry = entries.get(STATE_KEY) as StateEntry;
    return new Map([[STATE_KEY, { ...entry, value: { ...(entry.value as object), ...changes } }]]);
  }
  const check = (
    connectionString: string,
    owner = { name: "capture", pipeline: "test" },
    mostKept?: number,
  ): Promise<unknown> =>
    checkSlot(checkOptions(postgresInput, { connectionString, ...defaults }, "in"), owner, mostKept);
  async function as(role: string, attributes: string): Promise<string> {
    await client.query(`create role ${role} login password 'secret' ${attributes}`);
    const theirs = new URL(url);
    theirs.username = role;
    theirs.password = "secret";
    return theirs.href;
  }

  test("a position on another server is not gone on from here", async () => {
    const input = start({ context: { state: await remembered({ system: "1" }) } });
    await expect(input.ended).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringMatching(/was on another server \(system 1, .*on_lost_slot = "recreate"/),
    });
  });

  test("a slot of another name is another slot, and has the name that it was given", async () => {
    const state = await remembered({});
    const input = start({ slot: "mine", context: { state } });
    await expect(input.ended).rejects.toThrow(/the slot was sluice_[0-9a-f]{16} before, and is mine now/);
    const anew = await startReady({ slot: "mine", onLostSlot: "recreate", context: { state } });
    await client.query("insert into t values (1)");
    await anew.context.waitFor(1);
    const { rows } = await client.query("select active from pg_replication_slots where slot_name = 'mine'");
    expect(rows).toEqual([{ active: true }]);
  });

  test("a slot of another database is left alone", async () => {
    const elsewhere = await openClient((await server?.createDatabase()) as string);
    await elsewhere.query("select pg_create_logical_replication_slot('theirs', 'pgoutput')");
    await expect(start({ slot: "theirs" }).ended).rejects.toMatchObject({
      code: "SUBSCRIPTION_OWNED",
      message: expect.stringContaining("the slot theirs is another's"),
    });
    await elsewhere.query("select pg_drop_replication_slot('theirs')");
    await elsewhere.end();
  });

  test("the subscription of another journal is left alone, unless it is taken over", async () => {
    const input = await startReady();
    await input.stop();
    const override = { journalId: "018f0000-0000-7000-8000-00000000000a" };
    const { entries, seen } = input.context;
    const context = { state: entries, seen };
    await expect(start({ context, override }).ended).rejects.toMatchObject({
      code: "SUBSCRIPTION_OWNED",
      message: expect.stringContaining("takeover = true"),
    });
    const taken = await startReady({ context, override, takeover: true });
    await client.query("insert into t values (1)");
    await taken.context.waitFor(1);
  });

  test("a second reader stands by, and follows when the first one ends", async () => {
    const first = await startReady();
    const second = start();
    running.push(second);
    await eventually(
      () => second.lines,
      (lines) => lines.some((line) => line.includes("has a reader already; standing by")),
    );
    await first.stop();
    await second.context.isReady.wait();
    await client.query("insert into t values (1)");
    await second.context.waitFor(1);
  });

  test("a role that may not replicate is told so", async () => {
    const theirs = await as("plain", "");
    const input = startInput(theirs, defaults);
    await expect(input.ended).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringMatching(/refuses replication: .*ALTER ROLE … REPLICATION/),
    });
  });

  test("the check names the right to create a publication", async () => {
    const theirs = await as("replicates", "replication");
    await expect(check(theirs)).rejects.toThrow("role replicates may not create a publication: grant CREATE");
  });

  test("the check says when no slot is free", async () => {
    const { rows } = await client.query("select current_setting('max_replication_slots')::int as most");
    for (let i = 0; i < rows[0].most; i += 1)
      await client.query("select pg_create_physical_replication_slot($1)", [`taken_${i}`]);
    await expect(check(url)).rejects.toThrow("no replication slot is free: raise max_replication_slots");
  });

  test("the check says when no WAL sender is free", async () => {
    const { rows } = await client.query("select current_setting('max_wal_senders')::int as most");
    const senders = [];
    for (let i = 0; i < rows[0].most; i += 1)
      senders.push(await connectForReplication({ connectionString: url, applicationName: "busy" }));
    await expect(check(url)).rejects.toThrow("no WAL sender is free: raise max_wal_senders");
    await Promise.all(senders.map((sender) => sender.end()));
  });

  test("a slot whose WAL the server has removed is lost; the check says so, and recreate goes on", async () => {
    const input = await startReady();
    await input.stop();
    const { entries, seen } = input.context;
    const context = { state: entries, seen };
    await client.query("alter system set max_slot_wal_keep_size = '1MB'");
    await client.query("select pg_reload_conf()");
    await eventually(
      async () => {
        await client.query("select pg_logical_emit_message(false, 'x', 'x')");
        await client.query("select pg_switch_wal()");
        await client.query("checkpoint");
        const { rows } = await client.query("select wal_status from pg_replication_slots");
        return rows[0]?.wal_status as string;
      },
      (status) => status === "lost",
    );
    await expect(check(url)).rejects.toThrow(
      /has removed WAL that sluice_\w+ needs: raise max_slot_wal_keep_size/,
    );
    // Another's slot is no fault of this one.
    await check(url, { name: "other", pipeline: "test" });
    await expect(start({ context }).ended).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: expect.stringMatching(/is lost: the server has removed WAL .*sluice audit capture --repair/),
    });
    await client.query("alter system reset max_slot_wal_keep_size");
    await client.query("select pg_reload_conf()");
    const anew = await startReady({ context, onLostSlot: "recreate" });
    expect(anew.lines).toContainEqual(expect.stringContaining("changes in between are missed"));
    await client.query("insert into t values (1)");
    await anew.context.waitFor(1);
  });

  test("the check tells of a slot that nobody reads, and for which much WAL is kept", async () => {
    const input = await startReady();
    await check(url, undefined, 1);
    await input.stop();
    await client.query("select pg_logical_emit_message(true, 'x', repeat('x', 2000000))");
    await eventually(
      async () => (await client.query("select active from pg_replication_slots")).rows[0]?.active as boolean,
      (active) => !active,
    );
    await expect(check(url, undefined, 1_000_000)).rejects.toThrow(
      /the slot sluice_\w+ makes the server keep \d+ MiB of WAL, and nobody reads it.*: run its pipeline/,
    );
    await check(url);
  });

  test("what stands in the way of a slot is told once, and its loss while it is read is an error", async () => {
    const tables = ["t", "nowhere"];
    const input = await startReady({ tables, data: "old+new" });
    expect(input.lines.filter((line) => line.includes("nowhere does not exist"))).toHaveLength(1);
    expect(input.lines.filter((line) => line.includes("has only its key as replica identity"))).toHaveLength(
      1,
    );
    await input.stop();
    const { logger, lines } = createKeepingLogger();
    const context = createInputContext({ clock: systemClock, logger, name: "capture" });
    const options = checkOptions(postgresInput, { ...defaults, tables, connectionString: url }, "in");
    const own = await connect({ connectionString: url, applicationName: "watch" });
    const source = await describeSource(own, options, "test/capture");
    const look = createWatch(context, own, source, options, ["insert"], 1_000);
    await client.query("select pg_logical_emit_message(true, 'x', repeat('x', 2000000))");
    await look();
    await look();
    const told = (what: string): readonly string[] => lines.filter((line) => line.includes(what));
    expect(told(`MiB of WAL for the slot ${source.slot}`)).toHaveLength(1);
    expect(told("nowhere does not exist")).toHaveLength(1);
    await eventually(
      async () => (await slotStatus(own, source.slot))?.active,
      (active) => active === false,
    );
    await dropSlot(own, source.slot);
    await expect(look()).rejects.toThrow(/is gone: somebody dropped it; .*on_lost_slot = "recreate"/);
    await own.end();
  });

  test("a stream that falls silent while its server answers is a lost connection", async () => {
    const proxy = await startSilentProxy(url);
    const context = createInputContext({ clock: systemClock });
    const options = checkOptions(postgresInput, { ...defaults, connectionString: proxy.url }, "in");
    const ended = captureBySlot(context, options, ["insert"], 500);
    await context.isReady.wait();
    // The first connection is for queries, the second one streams.
    proxy.silence(1);
    const from = performance.now();
    await expect(ended).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: expect.stringContaining("the replication stream fell silent"),
    });
    expect(performance.now() - from).toBeLessThan(5_000);
    proxy.close();
  });
});

const plain = await postgresForTests({ settings: { wal_level: "replica" } });
afterAll(() => plain.server?.stop());

describe.skipIf(plain.server === undefined)(`a server without logical WAL ${plain.reason ?? ""}`, () => {
  test("the check says what to set", async () => {
    const connectionString = (await plain.server?.createDatabase()) as string;
    const options = checkOptions(
      postgresInput,
      { connectionString, tables: ["t"], mode: "replication" },
      "in",
    );
    await expect(checkSlot(options)).rejects.toThrow(
      'wal_level is replica: set wal_level = logical and restart the server, or use mode = "outbox"',
    );
  });
});

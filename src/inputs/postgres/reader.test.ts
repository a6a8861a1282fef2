import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  eventually,
  openClient,
  startInput,
  startReadyInput,
  type RunningInput,
  type StartOptions,
} from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import { SluiceError } from "../../model/errors.ts";
import { EPHEMERAL_JOURNAL, type InputContext } from "../../model/component.ts";
import type { Event } from "../../model/event.ts";
import { systemClock } from "../../engine/system.ts";
import { inputConformance } from "../../testing/inputs/conformance.ts";
import { postgresInput } from "./index.ts";
import { createInputContext } from "../../testing/context.ts";
import { subscriptionOf } from "./subscription.ts";
import { uninstallSubscription } from "./uninstall.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`how the outbox is read ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;
  const opened: RunningInput[] = [];
  const clients: pg.Client[] = [];

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await connection();
    await client.query("create table t (id bigint primary key, writer int)");
  });
  afterEach(async () => {
    for (const running of opened.splice(0)) await running.stop().catch(() => undefined);
    for (const open of clients.splice(0)) await open.end().catch(() => undefined);
  });

  async function connection(): Promise<pg.Client> {
    const open = await openClient(url);
    clients.push(open);
    return open;
  }
  function track(running: RunningInput): RunningInput {
    opened.push(running);
    return running;
  }
  const capture = async (options: Partial<StartOptions> = {}): Promise<RunningInput> =>
    track(await startReadyInput(url, { tables: ["t"], pollInterval: "300ms", ...options }));
  const outboxSize = async (): Promise<number> => {
    const { rows } = await client.query(
      "select relname from pg_class where relname like 'outbox_%' and relkind = 'r'",
    );
    return (await client.query(`select count(*)::int as n from sluice.${rows[0].relname}`)).rows[0].n;
  };
  const idsOf = (events: readonly Event[]): number[] =>
    events.map((event) => Number(event.id)).toSorted((a, b) => a - b);

  test.each(
    inputConformance({
      async create() {
        let id = 1_000;
        return {
          input: postgresInput({ name: "conforming", connectionString: url, tables: ["t"] }),
          context: { clock: systemClock },
          tell: () => client.query("insert into t values ($1, 1)", [id++]),
        };
      },
    }),
  )("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  test("eight writers that commit in any order and roll back at will: every committed row once, none other", async () => {
    const running = await capture({ batchSize: 50, operations: ["create"] });
    const committed: number[] = [];
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const own = await connection();
      const random = seeded(writer + 1);
      for (let round = 0; round < 60; round += 1) {
        const ids = Array.from(
          { length: 1 + Math.floor(random() * 5) },
          (_id, i) => writer * 100_000 + round * 10 + i,
        );
        await own.query("begin");
        for (const id of ids) await own.query("insert into t values ($1, $2)", [id, writer]);
        if (random() < 0.5) await new Promise((resolve) => setTimeout(resolve, random() * 30));
        if (random() < 0.3) {
          await own.query("rollback");
        } else {
          await own.query("commit");
          committed.push(...ids);
        }
      }
    });
    await Promise.all(writers);
    await eventually(
      () => running.context.emitted.length,
      (length) => length >= committed.length,
    );
    await eventually(outboxSize, (size) => size === 0);
    expect(idsOf(running.context.emitted)).toEqual(committed.toSorted((a, b) => a - b));
    expect(running.context.emissions).toBe(committed.length);
  });

  test("the changes of one record keep their order, however its writers take turns", async () => {
    const running = await capture({ batchSize: 3 });
    await client.query("insert into t values (1, 0)");
    const writers = Array.from({ length: 4 }, async () => {
      const own = await connection();
      for (let i = 0; i < 50; i += 1) await own.query("update t set writer = writer + 1 where id = 1");
    });
    await Promise.all(writers);
    await eventually(
      () => running.context.emitted.length,
      (length) => length === 201,
    );
    const seen = running.context.emitted.map((event) => (event.data as { writer: number }).writer);
    expect(seen).toEqual(Array.from({ length: 201 }, (_, i) => i));
  });

  test("a transaction that stays open hides nothing, its own rows come when it commits", async () => {
    const running = await capture({ pollInterval: "1h" });
    const slow = await connection();
    await slow.query("begin; insert into t values (1, 1)");
    await client.query("insert into t values (2, 2)");
    await running.context.waitFor(1);
    await client.query("insert into t values (3, 3)");
    await running.context.waitFor(2);
    await slow.query("commit");
    await running.context.waitFor(3);
    expect(running.context.emitted.map((event) => event.id)).toEqual(["2", "3", "1"]);
  });

  test("a transaction that stays open while the reader goes far beyond it is still found, first of all", async () => {
    const running = await capture({ pollInterval: "100ms" });
    const slow = await connection();
    await slow.query("begin; insert into t values (1, 1)");
    for (let id = 2; id <= 60; id += 1) {
      await client.query("insert into t values ($1, 2)", [id]);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await running.context.waitFor(59);
    await slow.query("insert into t values (61, 1); commit");
    await running.context.waitFor(61);
    expect(running.context.emitted.slice(59).map((event) => event.id)).toEqual(["1", "61"]);
  });

  test("a sleeping reader is woken by the commit, long before it would look by itself", async () => {
    const running = await capture({ pollInterval: "1h" });
    for (let id = 1; id <= 20; id += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await client.query("insert into t values ($1, 0)", [id]);
      await eventually(
        () => running.context.emitted.length,
        (length) => length === id,
        1_000,
      );
    }
  });

  test("what was emitted but not yet removed when the reader died is read again, as a duplicate", async () => {
    const seen = new Map<string, string>();
    const journal = createInputContext({ seen });
    const emitAll: InputContext["emitAll"] = async (events) => {
      await journal.emitAll(events);
      throw new Error("killed after the journal's commit");
    };
    const first = await capture({ override: { emitAll } });
    await client.query("insert into t select i, 0 from generate_series(1, 10) i");
    await expect(first.ended).rejects.toThrow("killed after");
    expect(await outboxSize()).toBe(10);
    const second = await capture({ context: { seen } });
    await eventually(outboxSize, (size) => size === 0);
    expect(second.context.emissions).toBe(10);
    expect(second.context.emitted).toEqual([]);
    expect(journal.emitted).toHaveLength(10);
  });

  test("nothing leaves the outbox while the journal is too busy, and all of it arrives afterwards", async () => {
    let refuse = true;
    const running = await capture({
      context: {
        beforeEmit: () => {
          if (refuse) throw new SluiceError("JOURNAL_BACKLOG", "too much is waiting");
        },
      },
    });
    await client.query("insert into t select i, 0 from generate_series(1, 5) i");
    await eventually(
      () => running.lines,
      (lines) => lines.some((line) => line.includes("waits for the journal")),
    );
    expect(await outboxSize()).toBe(5);
    refuse = false;
    await running.context.waitFor(5);
    await eventually(outboxSize, (size) => size === 0);
  });

  test("when its backend is terminated it is back within a second", async () => {
    const running = await capture();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sluice %' and datname = current_database()",
    );
    const from = performance.now();
    await client.query("insert into t values (1, 1)");
    await running.context.waitFor(1);
    expect(performance.now() - from).toBeLessThan(1_000);
    expect(running.lines.some((line) => line.includes("connecting again"))).toBe(true);
  });

  test("the second reader of a subscription stands by, and follows when the first ends", async () => {
    const first = await capture();
    const second = track(startInput(url, { tables: ["t"] }));
    await eventually(
      () => second.lines,
      (lines) => lines.some((line) => line.includes("standing by")),
    );
    await client.query("insert into t values (1, 1)");
    await first.context.waitFor(1);
    await eventually(outboxSize, (size) => size === 0);
    await first.stop();
    await second.context.isReady.wait();
    await client.query("insert into t values (2, 2)");
    await second.context.waitFor(1);
    expect(second.context.emitted.map((event) => event.id)).toEqual(["2"]);
  });

  test("a foreign journal is refused, unless it takes over; then the former owner is", async () => {
    const former = await capture();
    await former.stop();
    const foreign = { journalId: "11111111-0000-7000-8000-000000000000" };
    const refused = startInput(url, { tables: ["t"], override: foreign });
    await expect(refused.ended).rejects.toMatchObject({
      code: "SUBSCRIPTION_OWNED",
      message: /takeover = true/,
    });
    await client.query("insert into t values (1, 1)");
    const taker = await capture({ override: foreign, takeover: true });
    await taker.context.waitFor(1);
    await taker.stop();
    await expect(startInput(url, { tables: ["t"] }).ended).rejects.toMatchObject({
      code: "SUBSCRIPTION_OWNED",
    });
  });

  test("what a journal in memory left behind is anybody's", async () => {
    const inMemory = await capture({ override: { journalId: EPHEMERAL_JOURNAL } });
    await inMemory.stop();
    const next = await capture();
    await client.query("insert into t values (1, 1)");
    await next.context.waitFor(1);
    expect(next.context.emitted).toHaveLength(1);
  });

  test("a table that somebody holds locked is waited for without holding its writers up for long", async () => {
    const holder = await connection();
    await holder.query("begin; insert into t values (1, 1)");
    const running = track(startInput(url, { tables: ["t"] }));
    await eventually(
      () => running.lines,
      (lines) => lines.some((line) => line.includes("is locked")),
    );
    await client.query("insert into t values (2, 2)");
    await holder.query("commit");
    await running.context.isReady.wait();
    await client.query("insert into t values (3, 3)");
    await running.context.waitFor(1);
    expect(running.context.emitted[0]?.id).toBe("3");
  });

  test("a disabled trigger is warned of, not silently put up with", async () => {
    const running = await capture();
    await client.query("alter table t disable trigger all");
    await eventually(
      () => running.lines,
      (lines) => lines.some((line) => line.includes("go by unseen")),
    );
  });

  test("uninstalling is refused while it is read, then leaves nothing of it behind, and may be done twice", async () => {
    const running = await capture();
    await expect(uninstallSubscription({ connectionString: url }, "test/capture")).rejects.toMatchObject({
      code: "SUBSCRIPTION_OWNED",
    });
    await running.stop();
    await client.query("insert into t values (1, 1)");
    await uninstallSubscription({ connectionString: url }, "test/capture");
    await uninstallSubscription({ connectionString: url }, "test/capture");
    await client.query("insert into t values (2, 2)");
    expect((await client.query("select 1 from pg_namespace where nspname = 'sluice'")).rows).toEqual([]);
  });

  test("uninstalling leaves the schema to the others that use it", async () => {
    const running = await capture();
    const other = await capture({ subscription: "other" });
    await running.stop();
    await uninstallSubscription({ connectionString: url }, "test/capture");
    await client.query("insert into t values (1, 1)");
    await other.context.waitFor(1);
    await other.stop();
    await uninstallSubscription({ connectionString: url }, "other");
    expect((await client.query("select 1 from pg_namespace where nspname = 'sluice'")).rows).toEqual([]);
  });

  test("an older installation is taken over as it is: what waits there is read, its functions are made anew", async () => {
    const running = await capture();
    await running.stop();
    const { rows } = await client.query(
      "select proname from pg_proc where pronamespace = 'sluice'::regnamespace and proname like '%insert'",
    );
    const name = `sluice.${rows[0].proname}`;
    const { outbox } = subscriptionOf("test/capture");
    await client.query(`create or replace function ${name}() returns trigger language plpgsql security definer as $$
      begin
        insert into ${outbox} (relation, bytes, operation, location, new)
        select tg_relid, 1, 'i', tg_argv[0], row_to_json(t.*) from sluice_new t;
        return null;
      end $$`);
    await client.query(`comment on function ${name}() is 'of another version'`);
    await client.query("insert into t values (1, 1)");
    // Its rows had uids of their own, and no time.
    await client.query(
      `alter table ${outbox} drop column at, add column uid uuid not null default gen_random_uuid()`,
    );
    const later = await capture();
    await later.context.waitFor(1);
    await client.query("begin; set local sluice.cause = '0190163d-8694-739b-aea5-966c26f8ad91/enrich'");
    await client.query("insert into t values (2, 2); commit");
    await later.context.waitFor(2);
    expect(later.context.emitted.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(later.context.emitted[1]?.cause).toMatchObject({
      runs: ["0190163d-8694-739b-aea5-966c26f8ad91/enrich"],
    });
  });

  test("several subscriptions of a busy table do not bring a notification per transaction back", async () => {
    const [one, two] = [await capture(), await capture({ subscription: "second" })];
    const listening = await connection();
    let notifications = 0;
    listening.on("notification", () => (notifications += 1));
    for (const name of ["test/capture", "second"])
      await listening.query(`listen ${subscriptionOf(name).channel}`);
    const writers = await Promise.all(Array.from({ length: 4 }, connection));
    await Promise.all(
      writers.map(async (writer, number) => {
        for (let i = 0; i < 250; i += 1)
          await writer.query(`insert into t values (${number * 1_000 + i}, 0)`);
      }),
    );
    await Promise.all([one.context.waitFor(1_000), two.context.waitFor(1_000)]);
    expect(notifications).toBeLessThan(200);
  });

  test("what waits in the outbox is reported, with its size and the time of the oldest", async () => {
    const running = await capture({ pollInterval: "100ms" });
    await eventually(
      () => running.context.reported.lag,
      (lag) => lag?.events === 0 && lag.bytes === 0,
    );
    await running.stop();
    const before = Date.now() - 1_000;
    await client.query("insert into t select i, 0 from generate_series(1, 5000) i");
    const later = await capture({ pollInterval: "100ms" });
    const first = await eventually(
      () => later.context.reported.lag,
      (lag) => lag !== undefined,
    );
    expect(first).toMatchObject({ events: 5_000 });
    expect(first?.bytes).toBeGreaterThan(100_000);
    expect(first?.oldest).toBeGreaterThan(before);
    await later.context.waitFor(5_000);
    await eventually(
      () => later.context.reported.lag,
      (lag) => lag?.events === 0 && lag.oldest === undefined,
    );
  });

  test("a role that owns nothing is told which right it lacks, and needs none once all is installed", async () => {
    await client.query(
      `do $$ begin create role reader login password 'r'; exception when duplicate_object then null; end $$`,
    );
    const own = new URL(url);
    own.username = "reader";
    own.password = "r";
    await expect(startInput(own.href, { tables: ["t"] }).ended).rejects.toMatchObject({
      code: "SQL_FAILED",
      message: /permission denied.*grant CREATE on the database/,
    });
    await (await capture()).stop();
    await client.query(`grant usage on schema sluice to reader; grant select, delete on all tables in schema sluice to reader;
      grant insert, update on sluice.subscriptions to reader`);
    const running = track(await startReadyInput(own.href, { tables: ["t"] }));
    await client.query("insert into t values (1, 1)");
    await running.context.waitFor(1);
  });

  test("a server that cannot be reached, or a wrong password, is said without the password", async () => {
    const wrong = url.replace("sluice-secret", "not-the-secret");
    await expect(startInput(wrong, { tables: ["t"] }).ended).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: expect.not.stringContaining("not-the-secret"),
    });
    const nowhere = "postgres://me:hidden@127.0.0.1:1/db";
    await expect(startInput(nowhere, { tables: ["t"] }).ended).rejects.toMatchObject({
      code: "SOURCE_UNAVAILABLE",
      message: expect.stringMatching(/127\.0\.0\.1:1\/db(?!.*hidden)/),
    });
  });
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

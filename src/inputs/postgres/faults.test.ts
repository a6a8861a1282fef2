import { afterAll, describe, expect, test } from "vitest";
import { eventually, openClient, startInput } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import { startSilentProxy } from "../../../test/support/silent-proxy.ts";
import { systemClock } from "../../engine/system.ts";
import { checkOptions } from "../../model/kind.ts";
import { createInputContext } from "../../testing/context.ts";
import { createSignal } from "../../testing/signal.ts";
import { postgresInput } from "./index.ts";
import { capture } from "./session.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`an outbox whose server fails ${reason ?? ""}`, () => {
  test(
    "restarted and crashed again and again under load: what was committed arrives once, nothing else",
    { timeout: 180_000 },
    async () => {
      const url = (await server?.createDatabase()) as string;
      const setup = await openClient(url);
      await setup.query("create table t (id int primary key)");
      await setup.end();
      const seen = new Map<string, string>();
      const emitted: string[] = [];
      const errors: unknown[] = [];
      let isOver = false;
      let isWriting = true;
      const isReady = createSignal();

      // What the supervisor does: start it anew.
      const supervised = (async () => {
        while (!isOver) {
          const running = startInput(url, { tables: ["t"], pollInterval: "300ms", context: { seen } });
          void running.context.isReady.wait().then(() => isReady.set());
          const watcher = setInterval(() => isOver && running.context.stop(), 20);
          await running.ended.catch((error: unknown) => errors.push(error));
          clearInterval(watcher);
          emitted.push(...running.context.emitted.map((event) => event.id));
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      })();

      await isReady.wait();
      const committed = new Set<string>();
      const writers = Array.from({ length: 3 }, async (_, writer) => {
        for (let i = 0; isWriting; i += 1) {
          const client = await openClient(url).catch(() => undefined);
          try {
            for (; client !== undefined && isWriting; i += 1) {
              const id = String(writer * 1_000_000 + i);
              await client.query("insert into t values ($1)", [id]);
              committed.add(id);
            }
          } catch {
            // The server went away: whether that row was committed is told by the table at the end.
          }
          await client?.end().catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });

      const untilMore = async (): Promise<void> => {
        const before = committed.size;
        await eventually(
          () => committed.size,
          (count) => count > before + 50,
          30_000,
        );
      };
      for (const mode of ["fast", "immediate", "fast", "immediate"] as const) {
        await untilMore();
        await new Promise((resolve) => setTimeout(resolve, 700 * Math.random()));
        await server?.restart(mode);
      }
      await untilMore();
      isWriting = false;
      await Promise.all(writers);
      const client = await openClient(url);
      await eventually(
        async () => {
          const { rows } = await client.query(
            "select relname from pg_class where relname like 'outbox_%' and relkind = 'r'",
          );
          return (await client.query(`select count(*)::int as n from sluice.${rows[0].relname}`)).rows[0]
            .n as number;
        },
        (count) => count === 0,
        60_000,
      );
      isOver = true;
      await supervised;
      // One more reader would take what was left, or tell twice what was told.
      const last = startInput(url, { tables: ["t"], context: { seen } });
      const { rows } = await client.query("select id::text from t");
      await eventually(
        () => emitted.length + last.context.emitted.length,
        (count) => count >= rows.length,
        30_000,
      );
      await last.stop();
      emitted.push(...last.context.emitted.map((event) => event.id));
      await client.end();

      const inTable = rows.map((row) => row.id as string);
      expect(emitted.toSorted()).toEqual(inTable.toSorted());
      expect([...committed].filter((id) => !inTable.includes(id))).toEqual([]);
      expect(errors.every((error) => (error as { code: string }).code === "SOURCE_UNAVAILABLE")).toBe(true);
      expect(inTable.length).toBeGreaterThan(200);
    },
  );

  test("triggers that somebody removed are put back, and that changes went by unseen is said", async () => {
    const url = (await server?.createDatabase()) as string;
    const client = await openClient(url);
    await client.query("create table t (id int primary key)");
    const input = startInput(url, { tables: ["t"], pollInterval: "100ms" });
    await input.context.isReady.wait();
    expect(input.lines.filter((line) => line.includes("unseen"))).toEqual([]);
    const { rows } = await client.query(
      "select tgname from pg_trigger where tgrelid = 't'::regclass and not tgisinternal",
    );
    await client.query(rows.map(({ tgname }) => `drop trigger "${tgname}" on t`).join(";"));
    await eventually(
      () => input.lines,
      (lines) => lines.some((line) => /^warn: public.t had lost its triggers.* unseen$/.test(line)),
    );
    await client.query("insert into t values (7)");
    await eventually(
      () => input.context.emitted.map(({ id }) => id),
      (ids) => ids.includes("7"),
    );
    await input.stop();
    await client.end();
  });

  test("a connection that falls silent is noticed at the next heartbeat", async () => {
    const proxy = await startSilentProxy((await server?.createDatabase()) as string);
    const context = createInputContext({ clock: systemClock });
    const options = checkOptions(
      postgresInput,
      { connectionString: proxy.url, tables: ["t"], pollInterval: "200ms" },
      "in",
    );
    const ended = capture(context, options, ["insert"], 500);
    await context.isReady.wait();
    proxy.silence();
    const from = performance.now();
    await expect(ended).rejects.toMatchObject({ code: "SOURCE_UNAVAILABLE" });
    // And not once TCP gives up, after a quarter of an hour.
    expect(performance.now() - from).toBeLessThan(15_000);
    proxy.close();
  });
});

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type pg from "pg";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { journeyFrom } from "./journey.ts";
import { Orchestrator } from "../../src/index.ts";
import { postgresInput } from "../../src/inputs/postgres/index.ts";
import { commandProcess } from "../../src/processes/command.ts";
import { createMemoryJournal } from "../../src/journal/memory/journal.ts";
import { guideBlocks } from "../support/guide.ts";
import { eventually, openClient } from "../support/postgres-input.ts";
import { postgresForTests } from "../support/postgres.ts";

const INSERT = fileURLToPath(new URL("./insert.ts", import.meta.url));
const PSQL = ["/usr/local/bin/psql", "/usr/bin/psql", "/usr/lib/postgresql/15/bin/psql"].find((path) =>
  existsSync(path),
);

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(`pgoptions ${reason ?? ""}`, () => {
  let url: string;
  let client: pg.Client;

  beforeEach(async () => {
    url = (await server?.createDatabase()) as string;
    client = await openClient(url);
    await client.query(`create schema raw; create schema enriched;
      create table raw.orders (id bigint primary key, total numeric);
      create table enriched.orders (id bigint primary key, total numeric)`);
  });
  afterEach(() => client.end());

  /** raw.orders → a command → enriched.orders → a function. Answers the operations of one order, stage by stage. */
  async function journeyThrough(
    argv: readonly string[],
    mode: "outbox" | "replication" = "outbox",
  ): Promise<readonly string[]> {
    await using orchestrator = new Orchestrator({ journal: createMemoryJournal() });
    const raw = orchestrator.addInput(
      postgresInput({ name: "raw", connectionString: url, tables: ["raw.orders"], mode }),
    );
    const enrich = orchestrator.addProcess(
      commandProcess({
        name: "enrich",
        argv,
        pgoptions: true,
        env: { PGOPTIONS: "-c application_name=ours" },
        retry: { attempts: 1 },
      }),
    );
    const enriched = orchestrator.addInput(
      postgresInput({ name: "enriched", connectionString: url, tables: ["enriched.orders"], mode }),
    );
    const report = orchestrator.addProcess({ name: "report", run: () => undefined });
    orchestrator.addLink(raw, enrich);
    orchestrator.addLink(enriched, report);
    await orchestrator.start();
    await orchestrator.ready();
    await client.query("insert into raw.orders values (7, 1.50)");
    const { items } = await eventually(
      () => orchestrator.history.events({ trigger: "raw" }),
      (page) => page.items.length === 1,
    );
    const uid = items[0]?.uid as string;
    return await eventually(
      () => journeyFrom(orchestrator.history, uid),
      (stages) => stages.filter((stage) => stage.endsWith(" succeeded")).length === 2,
    );
  }

  const STAGES = ["raw.orders create 7", "enrich succeeded", "enriched.orders create 7", "report succeeded"];

  test("a program that knows nothing of sluice passes the cause on, and keeps the options it had", async () => {
    expect(await journeyThrough([process.execPath, INSERT, url])).toEqual(STAGES);
  });

  test.skipIf(PSQL === undefined)("psql does, too", async () => {
    const insert = "insert into enriched.orders values (7, 1.50)";
    expect(await journeyThrough([PSQL as string, url, "-qc", insert])).toEqual(STAGES);
  });

  test.skipIf(PSQL === undefined)(
    "psql does through a slot, too, with the trigger of the guide",
    async () => {
      await client.query(guideBlocks("postgres.md")("cause"));
      const insert = "insert into enriched.orders values (7, 1.50)";
      expect(await journeyThrough([PSQL as string, url, "-qc", insert], "replication")).toEqual(STAGES);
      // Without a cause it says nothing, and truncates too.
      await client.query("truncate enriched.orders");
      const { rows } = await client.query("select slot_name as name from pg_replication_slots");
      for (const { name } of rows)
        await eventually(
          () =>
            client.query("select pg_drop_replication_slot($1)", [name]).then(
              () => true,
              () => false,
            ),
          (isDropped) => isDropped,
        );
    },
  );
});

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { postgresForTests } from "../support/postgres.ts";
import { eventually, openClient, startReadyInput } from "../support/postgres-input.ts";

/** Where Debian and its kin keep the servers that they have installed. */
const INSTALLED = "/usr/lib/postgresql";

/** The oldest one that is installed and supported. All suites run against another version with SLUICE_TEST_PG_BIN. */
function olderPrograms(): string | undefined {
  try {
    const versions = readdirSync(INSTALLED).map(Number);
    const [oldest] = versions.filter((version) => version >= 13 && version < 18).toSorted((a, b) => a - b);
    return oldest === undefined ? undefined : join(INSTALLED, String(oldest), "bin");
  } catch {
    return undefined;
  }
}

const programs = olderPrograms();
const { server } = programs === undefined ? {} : await postgresForTests({ programs });
afterAll(() => server?.stop());

describe.skipIf(server === undefined)(
  `PostgreSQL ${server?.version ?? "13 to 17, which is not here"}`,
  () => {
    test.each(["outbox", "replication"] as const)("is captured from: %s", async (mode) => {
      const url = (await server?.createDatabase()) as string;
      const client = await openClient(url);
      await client.query(
        "create table t (id bigint primary key, n numeric); alter table t replica identity full",
      );
      const input = await startReadyInput(url, {
        tables: ["t"],
        mode,
        pollInterval: "200ms",
        data: "old+new",
      });
      await client.query("insert into t values (1, 1.50); update t set n = 2.50; delete from t");
      await eventually(
        () => input.context.emitted.length,
        (count) => count === 3,
      );
      const shown = input.context.emitted.map(({ operation, id, data }) => [operation, id, data]);
      expect(shown).toEqual([
        ["create", "1", { old: null, new: { id: "1", n: "1.50" } }],
        ["update", "1", { old: { id: "1", n: "1.50" }, new: { id: "1", n: "2.50" } }],
        ["delete", "1", { old: { id: "1", n: "2.50" }, new: null }],
      ]);
      await input.stop();
      await client.end();
    });
  },
);

import { loadPg } from "../../postgres/driver.ts";
import type { Input } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import { defineInput, type InputKind } from "../../model/kind.ts";
import { readsLocal } from "../../postgres/local.ts";
import { datasetOf, parseAddress, parseTable } from "../../postgres/names.ts";
import { checkSource } from "./check.ts";
import { actionsFor } from "./install.ts";
import { postgresInputOptions, type PostgresInputOptions, type ResolvedOptions } from "./options.ts";
import { captureBySlot, checkSlot, uninstallSlot } from "./replication/index.ts";
import { capture } from "./session.ts";
import { audit, backfill } from "./survey/index.ts";
import { uninstallSubscription } from "./uninstall.ts";

export type { PostgresInputOptions, RowData } from "./options.ts";

/**
 * Captures the changes of PostgreSQL tables: an event for each row that is inserted, updated or deleted. Its
 * location is `schema.table`, its id the text of the primary key, its data the row, with bigint and numeric as
 * strings. An update that changes the key has the old id in the header `previousid`. A TRUNCATE is a delete with
 * id `*` and the header `truncate`.
 *
 * In the mode `outbox` triggers write the changes into an outbox in the same database, in the transaction that makes
 * them; they leave it once the journal has them. In the mode `replication` they come from a logical replication
 * slot. PostgreSQL 13 or later.
 */
export const postgresInput: InputKind<
  PostgresInputOptions,
  ResolvedOptions,
  Record<string, unknown>
> = defineInput({
  type: "postgres",
  summary: "Captures the changes of PostgreSQL tables through triggers and an outbox, or a replication slot.",
  load: loadPg,
  options: postgresInputOptions,
  secrets: ["connectionString", "direct", "tls.key"],
  readsLocal,
  create: createPostgresInput,
  check: (options, { owner }) =>
    options.mode === "outbox" ? checkSource(options, owner) : checkSlot(options, owner),
  backfill,
  audit,
  uninstall: (options, owner) =>
    options.mode === "outbox"
      ? uninstallSubscription(options, options.subscription ?? `${owner.pipeline}/${owner.name}`)
      : uninstallSlot(options, owner),
});

function createPostgresInput(name: string, options: ResolvedOptions): Input<Record<string, unknown>> {
  const address = parseAddress(options.connectionString);
  const tables = options.tables.map(parseTable);
  const input: Input<Record<string, unknown>> = {
    name,
    type: "postgres",
    announcesReady: true,
    get reads() {
      return tables.map((table) => datasetOf(address, table, input.settings?.operations));
    },
    async handle(context) {
      const actions = actionsFor(input.settings?.operations);
      if (actions.length === 0) {
        throw new SluiceError(
          "INVALID_OPTIONS",
          `postgres "${name}": none of its operations is create, update or delete; a table knows no others`,
        );
      }
      const run = options.mode === "outbox" ? capture : captureBySlot;
      await run(context, options, actions);
    },
  };
  return input;
}

import type { Input } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import { defineInput, type InputKind } from "../../model/kind.ts";
import { datasetOf, parseAddress, parseTable } from "../../postgres/names.ts";
import { checkSource } from "./check.ts";
import { actionsFor } from "./install.ts";
import { postgresInputOptions, type PostgresInputOptions, type ResolvedOptions } from "./options.ts";
import { capture } from "./session.ts";
import { uninstallSubscription } from "./uninstall.ts";

export type { PostgresInputOptions, RowData } from "./options.ts";

/**
 * Captures the changes of PostgreSQL tables: an event for each row that is inserted, updated or deleted. Its
 * location is `schema.table`, its id the text of the primary key, its data the row, with bigint and numeric as
 * strings. An update that changes the key has the old id in the header `previousid`. A TRUNCATE is a delete with
 * id `*` and the header `truncate`.
 *
 * Triggers write the changes into an outbox in the same database, in the transaction that makes them; they leave
 * it once the journal has them. PostgreSQL 13 or later.
 */
export const postgresInput: InputKind<
  PostgresInputOptions,
  ResolvedOptions,
  Record<string, unknown>
> = defineInput({
  type: "postgres",
  summary: "Captures the changes of PostgreSQL tables through triggers and an outbox.",
  options: postgresInputOptions,
  secrets: ["connectionString"],
  create: createPostgresInput,
  check: checkSource,
  uninstall: (options, { name, pipeline }) =>
    uninstallSubscription(options.connectionString, options.subscription ?? `${pipeline}/${name}`),
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
      await capture(context, options, actions);
    },
  };
  return input;
}

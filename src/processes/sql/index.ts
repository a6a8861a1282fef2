import { loadPg } from "../../postgres/driver.ts";
import type { Process } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Event } from "../../model/event.ts";
import { defineProcess, type ProcessKind } from "../../model/kind.ts";
import { connect } from "../../postgres/connect.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { describeError, toProcessError } from "../../postgres/errors.ts";
import { readsLocal } from "../../postgres/local.ts";
import { formatAddress, parseAddress } from "../../postgres/names.ts";
import { createPool, type Pool } from "../../postgres/pool.ts";
import type { TransactionClient } from "../../postgres/applied.ts";
import { withoutTransaction, withTransaction } from "../../postgres/transaction.ts";
import { sqlProcessOptions, type SqlProcessOptions } from "./options.ts";
import { bindValues, parseStatement, refusesTransaction, type Statement } from "./statement.ts";

export type { SqlProcessOptions } from "./options.ts";

/** Connections if the process has no `concurrency` of its own: the engine's default. */
const DEFAULT_CONCURRENCY = 8;

/**
 * Runs SQL in PostgreSQL for each event: all statements in one transaction, whose effect happens exactly once per
 * run. Values of the event are bound, never interpolated. Constraint violations, data exceptions and wrong
 * statements (SQLSTATE classes 22, 23, 42) are permanent; all else is retried.
 */
export const sqlProcess: ProcessKind<SqlProcessOptions, SqlProcessOptions, unknown> = defineProcess({
  type: "sql",
  summary:
    "Runs SQL statements in PostgreSQL, with values bound from the event; its effect happens exactly once per run.",
  load: loadPg,
  options: sqlProcessOptions,
  secrets: ["connectionString", "tls.key"],
  readsLocal,
  create: createSqlProcess,
  check: checkStatements,
});

function createSqlProcess(name: string, options: SqlProcessOptions): Process {
  const statements = textsOf(options).map(parseStatement);
  const address = parseAddress(options.connectionString);
  const where = `sql "${name}" at ${formatAddress(address)}`;
  const exactlyOnce = options.exactlyOnce ?? true;
  const isAlone = textsOf(options).some(refusesTransaction);
  let pool: Promise<Pool> | undefined;

  const openPool = (): Promise<Pool> =>
    createPool({
      connectionString: options.connectionString,
      tls: options.tls,
      applicationName: `sluice ${name}`,
      max: process.settings?.concurrency ?? DEFAULT_CONCURRENCY,
    });

  const process: Process = {
    name,
    type: "sql",
    async run(event, context) {
      pool ??= openPool();
      try {
        const open = await pool;
        const work = (tx: TransactionClient): Promise<string> => runAll(tx, statements, event);
        if (isAlone) {
          context.log(await withoutTransaction(open, context, work));
          return;
        }
        const { repeated, result } = await withTransaction(open, context, work, { exactlyOnce });
        context.log(repeated ? "an earlier attempt had done it already" : result);
      } catch (error) {
        throw context.signal.aborted ? error : toProcessError(error, where, address.password);
      }
    },
    async close() {
      const open = pool;
      pool = undefined;
      await (await open)?.end();
    },
  };
  return process;
}

/** Runs the statements one after the other. @returns what each did and to how many rows, for the log */
async function runAll(
  tx: TransactionClient,
  statements: readonly Statement[],
  event: Event,
): Promise<string> {
  const client = tx as unknown as PgClient;
  const done: string[] = [];
  for (const statement of statements) {
    const { command, rowCount } = await client.query({
      text: statement.text,
      values: bindValues(statement, event),
      queryMode: "extended",
    });
    done.push(rowCount === null ? command : `${command} ${rowCount}`);
  }
  return done.join(", ");
}

/** What the server can be asked to prepare. */
const PREPARABLE = /^\s*(?:select|insert|update|delete|merge|values|with)\b/i;

/** Connects, and has the server parse and analyse every statement that it can without running it. */
async function checkStatements(options: SqlProcessOptions): Promise<void> {
  const client = await connect({
    connectionString: options.connectionString,
    tls: options.tls,
    applicationName: "sluice check",
  });
  try {
    for (const [index, sql] of textsOf(options).entries()) {
      if (!PREPARABLE.test(sql)) continue;
      const text = `prepare sluice_check_${index} as ${parseStatement(sql).text}`;
      await client.query({ text, queryMode: "extended" }).catch((error: unknown) => {
        const { password } = parseAddress(options.connectionString);
        throw new SluiceError(
          "SQL_FAILED",
          `statement ${JSON.stringify(sql.trim().slice(0, 60))}: ${describeError(error, password)}`,
        );
      });
    }
  } finally {
    await client.end();
  }
}

function textsOf(options: SqlProcessOptions): readonly string[] {
  return options.statements ?? [options.statement as string];
}

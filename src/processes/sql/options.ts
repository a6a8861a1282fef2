import { z } from "zod";
import { checkedBy } from "../../model/checked-by.ts";
import { parseAddress } from "../../postgres/names.ts";
import { tlsOptions, type TlsOptions } from "../../postgres/tls.ts";
import { parseStatement, refusesTransaction } from "./statement.ts";

/** Options of the `sql` process. */
export interface SqlProcessOptions {
  /** `postgres://user:password@host:5432/database`. */
  readonly connectionString: string;
  /** How its connections are encrypted. Defaults to what the connection string says. */
  readonly tls?: TlsOptions | undefined;
  /** One SQL statement; `:id`, `:data.total`… stand for values of the event. */
  readonly statement?: string | undefined;
  /** Several statements, done one after the other in one transaction. */
  readonly statements?: readonly string[] | undefined;
  /**
   * Whether the run is recorded in `sluice.applied`, in the same transaction, so that its effect happens once however
   * often it is attempted. Without it, statements that refuse a transaction (VACUUM, CREATE INDEX CONCURRENTLY …) can be
   * run too. Defaults to `true`.
   */
  readonly exactlyOnce?: boolean | undefined;
}

const statement = z
  .string()
  .check(checkedBy(parseStatement))
  .describe(
    "SQL with named parameters: :id, :uid, :location, :operation, :key, :time, :trigger, :data, :data.path, :headers.name",
  );

export const sqlProcessOptions: z.ZodType<SqlProcessOptions, SqlProcessOptions> = z
  .strictObject({
    connectionString: z
      .string()
      .check(checkedBy(parseAddress))
      .describe("postgres://user:password@host:5432/database"),
    tls: tlsOptions
      .optional()
      .describe("How its connections are encrypted; defaults to what the string says"),
    statement: statement
      .optional()
      .describe("One SQL statement with named parameters such as :id and :data.total"),
    statements: z.array(statement).min(1).optional().describe("Several statements, done in one transaction"),
    exactlyOnce: z
      .boolean()
      .optional()
      .describe("Whether the effect of a run happens once, by a record in sluice.applied. Defaults to true."),
  })
  .check((context) => {
    const { statement: one, statements: several, exactlyOnce } = context.value;
    if (exactlyOnce === false) return;
    for (const [index, sql] of (several ?? [one ?? ""]).entries()) {
      if (!refusesTransaction(sql)) continue;
      context.issues.push({
        code: "custom",
        input: sql,
        path: several === undefined ? ["statement"] : ["statements", index],
        message: `${JSON.stringify(sql.trim().slice(0, 60))} cannot run within a transaction, and so its effect cannot be made to happen exactly once; set exactly_once = false`,
      });
    }
  })
  .refine((options) => (options.statement === undefined) !== (options.statements === undefined), {
    message: 'give either "statement" or "statements"',
  });

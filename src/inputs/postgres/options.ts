import { z } from "zod";
import { checkedBy } from "../../model/checked-by.ts";
import { parseDuration, type Duration } from "../../model/duration.ts";
import { durationOption } from "../../options/amounts.ts";
import { parseAddress, parseTable } from "../../postgres/names.ts";
import { tlsOptions, type TlsOptions } from "../../postgres/tls.ts";
import { replicationShape, type ReplicationOptions } from "./replication/options.ts";

/**
 * What an event's `data` holds: the row after the change (of a delete the row that was deleted), the row before it,
 * `{ old, new }`, the columns of the primary key, or nothing.
 */
export type RowData = "new" | "old" | "old+new" | "key" | "none";

/** Columns whose values are sent: the same of every table, or by table, such as `{ "raw.orders": ["id", "total"] }`. */
export type Columns = readonly string[] | Readonly<Record<string, readonly string[]>>;

/** Options of the `postgres` input. */
export interface PostgresInputOptions extends ReplicationOptions {
  /** `postgres://user:password@host:5432/database`. */
  readonly connectionString: string;
  /**
   * The same server without the pooler that `connectionString` goes through: an input needs a session of its own.
   * Defaults to `connectionString`.
   */
  readonly direct?: string | undefined;
  /** How its connections are encrypted. Defaults to what the connection string says. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Tables to capture, such as `"raw.orders"`; the schema defaults to `public`. `*` stands for any part of a name:
   * `"sales.*"` is all tables of a schema, those too that appear later. All else is taken literally.
   */
  readonly tables: readonly string[];
  /**
   * How changes are captured: by triggers into an outbox, or from a logical replication slot, which needs
   * `wal_level = logical` and the right to replicate. Defaults to `outbox`.
   */
  readonly mode?: "outbox" | "replication" | undefined;
  /** What `data` holds; a delete under `"new"` has the row that was deleted. Defaults to `new`. */
  readonly data?: RowData | undefined;
  /** Columns that `data` holds. Defaults to all; of a table that is not named by table, too. */
  readonly columns?: Columns | undefined;
  /** Names the outbox; each subscription gets every change. Defaults to the pipeline's name, `/`, the input's name. */
  readonly subscription?: string | undefined;
  /** Takes the subscription over from another journal, whose pipeline is gone for good. Defaults to `false`. */
  readonly takeover?: boolean | undefined;
  /** Most rows read at a time: 1 to 10,000. Defaults to 1,000. */
  readonly batchSize?: number | undefined;
  /** How often it looks without being woken, for tables too; and the connection's heartbeat. Defaults to 5s. */
  readonly pollInterval?: Duration | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions extends ReplicationOptions {
  readonly connectionString: string;
  readonly direct?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly tables: readonly string[];
  readonly mode: "outbox" | "replication";
  readonly data: RowData;
  readonly columns?: Columns | undefined;
  readonly subscription?: string | undefined;
  readonly takeover: boolean;
  readonly batchSize: number;
  readonly pollInterval: Duration;
}

/** How the source is reached. */
export type Connection = Pick<PostgresInputOptions, "connectionString" | "direct" | "tls">;

/** Where an input connects: it needs a session of its own, which a pooler of transactions does not give. */
export function sessionOf({ connectionString, direct, tls }: Connection): Omit<Connection, "direct"> {
  return { connectionString: direct ?? connectionString, tls };
}

/** Milliseconds. */
const SHORTEST_POLL = 100;

export const postgresInputOptions: z.ZodType<ResolvedOptions, PostgresInputOptions> = z.strictObject({
  connectionString: z
    .string()
    .check(checkedBy(parseAddress))
    .describe("postgres://user:password@host:5432/database"),
  direct: z
    .string()
    .check(checkedBy(parseAddress))
    .optional()
    .describe("The same server without the pooler that connection_string goes through"),
  tls: tlsOptions.optional().describe("How its connections are encrypted; defaults to what the string says"),
  tables: z
    .array(z.string().check(checkedBy(parseTable)))
    .min(1)
    .describe(
      'Tables to capture, such as "raw.orders"; the schema defaults to public; * stands for any part of a name',
    ),
  mode: z
    .enum(["outbox", "replication"])
    .default("outbox")
    .describe("How changes are captured: by triggers into an outbox, or from a logical replication slot"),
  data: z
    .enum(["new", "old", "old+new", "key", "none"])
    .default("new")
    .describe("What data holds: the row after the change, before it, { old, new }, its key, or nothing"),
  columns: z
    .union([z.array(z.string()).min(1), z.record(z.string(), z.array(z.string()).min(1))])
    .optional()
    .describe("Columns that data holds, of every table or by table; defaults to all"),
  subscription: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("Names the outbox; defaults to the pipeline's name, a slash and the input's name"),
  takeover: z
    .boolean()
    .default(false)
    .describe("Takes the subscription over from another journal, whose pipeline is gone for good"),
  batchSize: z.number().int().min(1).max(10_000).default(1_000).describe("Most rows read at a time"),
  pollInterval: durationOption
    .refine((value) => parseDuration(value) >= SHORTEST_POLL, "at least 100ms")
    .default("5s")
    .describe("How often it looks without being woken, and the connection's heartbeat"),
  ...replicationShape,
});

import { z } from "zod";
import { checkedBy } from "../../model/checked-by.ts";
import { parseDuration, type Duration } from "../../model/duration.ts";
import { parseAddress, parseTable } from "../../postgres/names.ts";

/** What an event's `data` holds: the row after the change, the row before it, `{ old, new }`, or nothing. */
export type RowData = "new" | "old" | "both" | "none";

/** Options of the `postgres` input. */
export interface PostgresInputOptions {
  /** `postgres://user:password@host:5432/database`; straight to the server, not through a pooler of transactions. */
  readonly connectionString: string;
  /** Tables to capture, such as `"raw.orders"`; the schema defaults to `public`. Names are taken literally. */
  readonly tables: readonly string[];
  /** How changes are captured: by triggers into an outbox. Defaults to `outbox`. */
  readonly mode?: "outbox" | undefined;
  /** What `data` holds; a delete under `"new"` has the row that was deleted. Defaults to `new`. */
  readonly data?: RowData | undefined;
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
export interface ResolvedOptions {
  readonly connectionString: string;
  readonly tables: readonly string[];
  readonly mode: "outbox";
  readonly data: RowData;
  readonly subscription?: string | undefined;
  readonly takeover: boolean;
  readonly batchSize: number;
  readonly pollInterval: Duration;
}

/** Milliseconds. */
const SHORTEST_POLL = 100;

export const postgresInputOptions: z.ZodType<ResolvedOptions, PostgresInputOptions> = z.strictObject({
  connectionString: z
    .string()
    .check(checkedBy(parseAddress))
    .describe("postgres://user:password@host:5432/database, straight to the server"),
  tables: z
    .array(z.string().check(checkedBy(parseTable)))
    .min(1)
    .describe('Tables to capture, such as "raw.orders"; the schema defaults to public'),
  mode: z
    .literal("outbox")
    .default("outbox")
    .describe("How changes are captured: by triggers into an outbox"),
  data: z
    .enum(["new", "old", "both", "none"])
    .default("new")
    .describe("What data holds: the row after the change, before it, { old, new }, or nothing"),
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
  pollInterval: z
    .union([z.string(), z.number()])
    .check(checkedBy(parseDuration))
    .refine((value) => parseDuration(value) >= SHORTEST_POLL, "at least 100ms")
    .default("5s")
    .describe("How often it looks without being woken, and the connection's heartbeat"),
});

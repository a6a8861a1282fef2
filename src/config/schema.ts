import { z } from "zod";
import { checkedBy } from "../model/checked-by.ts";
import { parseDataset } from "../model/dataset.ts";
import { checkName } from "../model/name.ts";
import { parseOperation } from "../model/operation.ts";
import { parseRate } from "../model/rate.ts";
import { durationOption, sizeOption } from "../options/amounts.ts";
import { parseListen } from "./listen.ts";
import type { Role } from "./registry.ts";

/*
 * What every config file may say, in the spelling of config files. From these come the checks and the JSON Schema
 * for editors. Issues carry the code of what the parsers threw in `params.code`.
 */

const duration = durationOption.meta({
  description: 'Milliseconds as a number, or text such as "30s", "5m", "7d"',
});
const size = sizeOption.meta({ description: 'Bytes as a number, or text such as "512MB", "10GiB"' });
const operation = z.string().check(checkedBy<string>(parseOperation));
const operations = z.union([operation, z.array(operation).min(1)]);
const dataset = z.string().check(checkedBy(parseDataset));
const listen = z
  .string()
  .check(checkedBy(parseListen))
  .meta({ description: 'An address and a port, such as "127.0.0.1:8787"; port 0 takes a free one' });
const labels = z.record(z.string(), z.string()).meta({ description: "For people; shown, never interpreted" });

export type TopKey =
  | "name"
  | "managed_by"
  | "journal"
  | "concurrency"
  | "grace"
  | "retention"
  | "connections"
  | "http"
  | "hooks"
  | "tracing"
  | "lineage";

const token = z.string().min(1, "expected a token, not an empty text");

/** The tables and keys at the top, but for the components. */
export const TOP: Readonly<Record<TopKey, z.ZodType>> = {
  name: z
    .string()
    .check(checkedBy((name: string) => checkName(name, "the pipeline")))
    .meta({ description: 'The pipeline\'s name. Defaults to "pipeline"' }),
  journal: z
    .string()
    .regex(/^(?:memory:|sqlite:(?!:memory:)[^\0\r\n]+)$/, 'expected "memory:" or "sqlite:PATH"')
    .meta({
      description:
        'Where events and runs are kept: "sqlite:PATH", relative to this file, or "memory:". Defaults to "sqlite:.sluice/journal.db"',
    }),
  managed_by: z.enum(["file", "api"]).meta({
    description:
      'Who says what the pipeline is: "file", this file, at each start; "api", the version that was applied last, and this file only until there is one. Defaults to "file"',
  }),
  concurrency: z
    .int()
    .min(1)
    .meta({ description: "Runs at a time over all processes. Defaults to no limit" }),
  grace: duration.meta({ description: "How long a stop waits for what runs. Defaults to 30s" }),
  retention: z
    .strictObject({
      succeeded: duration
        .meta({ description: "How long succeeded runs are kept. Defaults to 7d" })
        .optional(),
      dead: duration
        .meta({ description: "How long dead and cancelled runs are kept. Defaults to 30d" })
        .optional(),
      dedupe: duration.meta({ description: "How long deliveries are remembered. Defaults to 7d" }).optional(),
      max_size: size.meta({ description: "How large the journal may grow. Defaults to no limit" }).optional(),
    })
    .meta({ description: "How long the journal keeps what is over" }),
  connections: z
    .record(
      z.string(),
      z.strictObject({
        connection_string: z.string().meta({ description: "postgres://user:password@host:5432/database" }),
        direct: z
          .string()
          .meta({ description: "The same server without the pooler that connection_string goes through" })
          .optional(),
        tls: z
          .record(z.string(), z.string())
          .meta({ description: "mode, ca, cert and key, as in the tls of a postgres input" })
          .optional(),
      }),
    )
    .meta({ description: 'Connections that several components share: they say connection = "NAME"' }),
  http: z
    .strictObject({
      listen: listen.default("127.0.0.1:8787"),
      token: token
        .meta({ description: "Bearer token of operators, who may also replay; needed off loopback" })
        .optional(),
      viewer_token: token.meta({ description: "Bearer token of who may only read" }).optional(),
      admin_token: token.meta({ description: "Bearer token of who may also change the pipeline" }).optional(),
      hosts: z
        .array(
          z
            .string()
            .regex(/^[a-z0-9._-]+$/i, 'expected a host name without a port, such as "sluice.internal"'),
        )
        .meta({ description: "Names it is also called by, behind a proxy for example. Defaults to none" })
        .optional(),
      changes: z
        .boolean()
        .meta({ description: "Whether the API may change the pipeline. Defaults to false" })
        .default(false),
    })
    .meta({ description: "The API and the page" }),
  hooks: z
    .strictObject({ listen })
    .meta({ description: "A listener of its own for webhook inputs; without it [http] serves them" }),
  tracing: z
    .strictObject({
      enabled: z.boolean().meta({ description: "Defaults to true, where the table stands" }).default(true),
    })
    .meta({
      description:
        "OpenTelemetry spans of events and attempts, for the SDK that was loaded by node --import; needs @opentelemetry/api",
    }),
  lineage: z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/, error: "expected an http or https URL" })
        .meta({ description: "Of a receiver; without a path, /api/v1/lineage is added. Either this or file" })
        .optional(),
      file: z
        .string()
        .min(1)
        .meta({
          description: "Events are appended to it, one a line; relative to this file. Either this or url",
        })
        .optional(),
      namespace: z
        .string()
        .min(1)
        .meta({
          description: 'Of jobs, and of datasets that do not say where they are. Defaults to "sluice"',
        })
        .optional(),
      api_key: token.meta({ description: "Sent as a bearer token. Defaults to none" }).optional(),
      allow_private: z
        .union([z.boolean(), z.array(z.string())])
        .meta({
          description: "Whether private addresses may be called, or the ranges that may. Defaults to false",
        })
        .optional(),
      max_runs: z
        .int()
        .min(1)
        .meta({
          description: "Runs of each process told of in a minute; as many more if they fail. Defaults to 60",
        })
        .optional(),
    })
    .refine(({ url, file }) => (url === undefined) !== (file === undefined), "say either url or file")
    .meta({ description: "OpenLineage events of runs, to a receiver or a file" }),
};

/** What inputs of every kind have. */
export const INPUT: Readonly<Record<string, z.ZodType>> = {
  name: z.string().meta({ description: "Unique among inputs and processes" }),
  type: z.string(),
  operation: operations.meta({ description: "The same as operations" }).optional(),
  operations: operations.meta({ description: "Only these are let through. Defaults to all" }).optional(),
  reads: z.array(dataset).meta({ description: "Datasets that it reads, for the DAG" }).optional(),
  expect_every: duration.meta({ description: "Longest silence that is normal. Defaults to none" }).optional(),
  enabled: z.boolean().meta({ description: "Defaults to true" }).optional(),
  labels: labels.optional(),
};

/** What processes of every kind have. */
export const PROCESS: Readonly<Record<string, z.ZodType>> = {
  name: z.string().meta({ description: "Unique among inputs and processes" }),
  type: z.string(),
  on: z
    .union([z.string(), z.array(z.string())])
    .meta({ description: "Inputs or processes whose events it takes: links without conditions" })
    .optional(),
  reads: z.array(dataset).meta({ description: "Datasets that it reads, for the DAG" }).optional(),
  writes: z
    .array(dataset)
    .meta({ description: 'Datasets that it writes, such as "raw.orders:update", for the DAG' })
    .optional(),
  concurrency: z.int().min(1).meta({ description: "Runs at a time. Defaults to 8" }).optional(),
  timeout: duration.meta({ description: "Longest time of one attempt. Defaults to none" }).optional(),
  grace: duration
    .meta({
      description: "How long an attempt may go on after its signal aborted. Defaults to the pipeline's",
    })
    .optional(),
  retry: z
    .strictObject({
      attempts: z
        .int()
        .min(1)
        .meta({ description: "Attempts in all, the first too. Defaults to 5" })
        .optional(),
      initial: duration.meta({ description: "Upper end of the first delay. Defaults to 1s" }).optional(),
      max: duration.meta({ description: "Longest delay. Defaults to 5m" }).optional(),
      factor: z.number().min(1).meta({ description: "Growth of the upper end. Defaults to 2" }).optional(),
    })
    .meta({ description: "How failed attempts are tried again" })
    .optional(),
  order: z
    .enum(["none", "key"])
    .meta({ description: '"key": at most one run per key, in order. Defaults to "none"' })
    .optional(),
  on_dead: z
    .enum(["continue", "block"])
    .meta({ description: 'Whether a dead run lets the next of its key go on. Defaults to "continue"' })
    .optional(),
  rate: z
    .string()
    .check(checkedBy(parseRate))
    .meta({ description: 'Most runs that start in a time, such as "100/s". Defaults to none' })
    .optional(),
  enabled: z.boolean().meta({ description: "Defaults to true" }).optional(),
  labels: labels.optional(),
  execution_context: z
    .record(z.string(), z.unknown())
    .meta({ description: "Options of the kind, in place of writing them beside the common ones" })
    .optional(),
};

/** The common keys, by role. */
export const SHAPES: Readonly<Record<Role, typeof INPUT>> = { input: INPUT, process: PROCESS };

/** What stands in a table of a file, by its keys. */
export type Fields = Readonly<Record<string, unknown>>;

/** Kept free for what every component may have one day, so that no kind has an option of that name. */
export const RESERVED: readonly string[] = ["batch", "debounce", "dedupe", "key"];

/** A `[[link]]` as it is written. */
export interface RawLink {
  readonly input?: string | undefined;
  readonly from?: string | undefined;
  readonly process?: string | undefined;
  readonly to?: string | undefined;
  readonly operation?: string | string[] | undefined;
  readonly operations?: string | string[] | undefined;
  readonly locations?: string | string[] | undefined;
  readonly when?: string | undefined;
  readonly loop?: boolean | undefined;
}

export const LINK: z.ZodType<RawLink> = z
  .strictObject({
    input: z.string().meta({ description: "The same as from" }).optional(),
    from: z.string().meta({ description: "Name of an input or process" }).optional(),
    process: z.string().meta({ description: "The same as to" }).optional(),
    to: z.string().meta({ description: "Name of a process" }).optional(),
    operation: operations.meta({ description: "The same as operations" }).optional(),
    operations: operations.meta({ description: "Only these are let through. Defaults to all" }).optional(),
    locations: z
      .union([z.string(), z.array(z.string()).min(1)])
      .meta({ description: 'Globs: "*" within a segment, "**" across. Defaults to all' })
      .optional(),
    when: z
      .string()
      .meta({ description: 'A CEL expression, such as "double(data.total) > 1000.0". Defaults to true' })
      .optional(),
    loop: z
      .boolean()
      .meta({ description: "Says that the cycle which it closes is meant. Defaults to false" })
      .optional(),
  })
  .meta({ description: "Where events go, and on which conditions" });

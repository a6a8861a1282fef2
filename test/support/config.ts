import { configIssues, formatIssue } from "../../src/config/issue.ts";
import { loadPipeline, parsePipeline } from "../../src/config/load.ts";
import type { Pipeline } from "../../src/config/pipeline.ts";
import type { ConfigFormat } from "../../src/config/source.ts";
import { registry } from "./config-kinds.ts";

export type TextFormat = Exclude<ConfigFormat, "module">;

/** What `${env:…}` refers to in the tests. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  WAREHOUSE_URL: "postgres://sluice:pass%20word@localhost/shop",
  TOKEN: "hunter22",
  EMPTY: "",
};

/** Where the texts of the tests are said to be. */
export const FOLDER = "/pipelines";

/** One of everything. */
export const ORDERS = `name = "orders"
journal = "sqlite:.sluice/journal.db"
concurrency = 64
grace = "45s"
retention = { succeeded = "1d", dead = "60d", dedupe = 1000, max_size = "2GB" }

[http]
listen = "127.0.0.1:8787"
token = "\${env:TOKEN}"

[hooks]
listen = "[::]:8080"

[[input]]
name = "raw_orders"
type = "table"
connection_string = "\${env:WAREHOUSE_URL}"
tables = ["raw.orders"]
catch_up = "last"
operation = ["insert"]
expect_every = "1h"
labels = { team = "shop" }

[[input]]
name = "shop"
type = "hook"
path = "/hooks/shop"
secrets = ["s3cret-one", "\${env:TOKEN}"]

[[process]]
name = "enrich"
type = "shell"
argv = ["node", "enrich.mjs", "\${env:TOKEN}"]
environment = { catchUp = "as it is", keep_me = "too" }
on = "raw_orders"
concurrency = 4
timeout = "5m"
grace = "10s"
order = "key"
on_dead = "block"
rate = "100/s"
retry = { attempts = 5, initial = "1s", max = "5m" }
writes = ["enriched.orders:create"]

[[process]]
name = "audit"
type = "shell"
on = ["shop", "enrich"]
execution_context = { argv = '["audit", "--all"]', limit = "3", working_directory = "7" }

[[link]]
input = "raw_orders"
process = "audit"
operation = "create"
when = 'double(data.total) > 1000.0'

[[link]]
from = "shop"
to = "enrich"
operations = ["create", "update"]
locations = "raw.*"
`;

export async function parse(text: string, format: TextFormat = "toml"): Promise<Pipeline> {
  return parsePipeline(text, { file: `${FOLDER}/c.${format}`, registry, environment: ENVIRONMENT });
}

export async function load(file: string): Promise<Pipeline> {
  return loadPipeline(file, { registry, environment: ENVIRONMENT });
}

/** The lines that are printed for what is wrong with a text, without its folder; empty if nothing is. */
export async function errorsIn(text: string, format: TextFormat = "toml"): Promise<string[]> {
  return errorsOf(parse(text, format), FOLDER);
}

export async function errorsOf(work: Promise<unknown>, folder: string): Promise<string[]> {
  try {
    await work;
    return [];
  } catch (error) {
    const issues = configIssues(error);
    if (issues === undefined) throw error;
    return issues.map((issue) => formatIssue(issue).replace(`${folder}/`, ""));
  }
}

import { expect, test } from "vitest";
import { BUILT_IN_KINDS } from "../cli/kinds.ts";
import { configIssues, createRegistry, parsePipeline } from "./index.ts";
import { maskedView, type Pipeline } from "./pipeline.ts";

const SHARED = `journal = "memory:"
[connections.warehouse]
connection_string = "postgres://me:secret@pooler:6432/db"
direct = "postgres://me:hidden@server:5432/db"
tls = { mode = "require", cert = "-----BEGIN CERTIFICATE-----", key = "-----BEGIN PRIVATE KEY-----" }
`;

function parse(text: string): Promise<Pipeline> {
  return parsePipeline(text, {
    file: "sluice.toml",
    registry: createRegistry(BUILT_IN_KINDS),
    environment: {},
  });
}

async function issuesOf(text: string): Promise<readonly string[]> {
  const error: unknown = await parse(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return (configIssues(error) ?? []).map(({ line, code, message }) => `${line} ${code} ${message}`);
}

const INPUT = `[[input]]
name = "orders"
type = "postgres"
tables = ["raw.orders"]
`;
const PROCESS = `[[process]]
name = "report"
type = "sql"
statement = "select 1"
on = "orders"
connection = "warehouse"
`;

test("components that share a connection get of it what their kind knows", async () => {
  const pipeline = await parse(`${SHARED}${INPUT}connection = "warehouse"\n${PROCESS}`);
  expect(pipeline.inputs[0]?.made?.options).toMatchObject({
    connectionString: "postgres://me:secret@pooler:6432/db",
    direct: "postgres://me:hidden@server:5432/db",
    tls: { mode: "require" },
  });
  expect(pipeline.processes[0]?.made?.options).not.toHaveProperty("direct");
  expect(pipeline.processes[0]?.made?.options).toHaveProperty("connectionString");
});

test("nothing secret of a connection is shown", async () => {
  const pipeline = await parse(`${SHARED}${INPUT}connection = "warehouse"\n`);
  const shown = JSON.stringify(maskedView(pipeline));
  expect(shown).not.toMatch(/secret|hidden|PRIVATE/);
  expect(shown).toContain('"connection":"warehouse"');
  expect(shown).toContain('"mode":"require"');
  expect(pipeline.redact("at secret, hidden")).toBe("at ***, ***");
});

test("a connection that is not there, or is written twice, is refused where it stands", async () => {
  expect(await issuesOf(`${SHARED}${INPUT}connection = "warehous"\n`)).toContainEqual(
    expect.stringMatching(
      /^10 INVALID_OPTIONS .*there is no connection "warehous"; did you mean "warehouse"/,
    ),
  );
  const address = await issuesOf(`${SHARED}${INPUT}connection = "postgres://u:hidden@h/db"\n`);
  expect(address).toContainEqual(expect.stringMatching(/^10 INVALID_OPTIONS .*as connection_string/));
  expect(address.join()).not.toContain("hidden");
  const both = `${SHARED}${INPUT}connection = "warehouse"\nconnection_string = "postgres://other/db"\n`;
  expect(await issuesOf(both)).toContainEqual(
    expect.stringMatching(/^10 .*has its connection_string already/),
  );
});

test("a connection has no other keys, and other kinds have no connection", async () => {
  expect(await issuesOf(`journal = "memory:"\n[connections.a]\nconnection_sting = "x"\n`)).toContainEqual(
    expect.stringContaining("connection_sting"),
  );
  const cron = `${SHARED}[[input]]\nname = "clock"\ntype = "cron"\nschedule = "* * * * *"\nconnection = "warehouse"\n`;
  expect(await issuesOf(cron)).toContainEqual(expect.stringMatching(/UNKNOWN_KEY .*connection/));
});

test("a connection may stand in execution_context, as any option of a process", async () => {
  const context = (more: string): string =>
    `${SHARED}[[process]]\nname = "report"\ntype = "sql"\nexecution_context = { ${more} }\n`;
  const pipeline = await parse(context('connection = "warehouse", statement = "select 1"'));
  expect(pipeline.processes[0]?.made?.options).toMatchObject({
    connectionString: "postgres://me:secret@pooler:6432/db",
    statement: "select 1",
  });
  expect(await issuesOf(context('connection = "warehous", statement = "select 1"'))).toContainEqual(
    expect.stringMatching(/^9 INVALID_OPTIONS .*there is no connection "warehous"; did you mean "warehouse"/),
  );
  const double =
    'connection = "warehouse", connection_string = "postgres://other/db", statement = "select 1"';
  expect(await issuesOf(context(double))).toContainEqual(
    expect.stringMatching(/^9 .*has its connection_string already/),
  );
});

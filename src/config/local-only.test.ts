import { expect, test } from "vitest";
import { registry } from "../../test/support/config-kinds.ts";
import { ORDERS, parse } from "../../test/support/config.ts";
import { createRegistry } from "./registry.ts";
import { fileInput } from "../inputs/file/index.ts";
import { BUILT_IN_KINDS } from "../cli/kinds.ts";
import { localOnly } from "./local-only.ts";
import type { Fields } from "./schema.ts";

const BUILT_IN = createRegistry(BUILT_IN_KINDS);

async function refusals(from: string, to: string): Promise<readonly string[]> {
  const [before, after] = await Promise.all([parse(from), parse(to)]);
  return localOnly(before.document?.tree ?? {}, after.document?.tree ?? {}, registry);
}

const edited = (from: string, to: string): string => ORDERS.replace(from, to);
const REFERENCE = "has a reference to the environment or to a file";

test("what stays as it is may stay, references and code too", async () => {
  expect(await refusals(ORDERS, ORDERS)).toEqual([]);
});

test.each([
  ["a setting that all components have", edited("concurrency = 4", "concurrency = 5")],
  [
    "a link",
    `${ORDERS}[[link]]\nfrom = "shop"\nto = "audit2"\n[[process]]\nname = "audit2"\ntype = "note"\n`,
  ],
  ["less", ORDERS.slice(0, ORDERS.indexOf("[[link]]"))],
])("%s may be changed by the network", async (_, to) => {
  expect(await refusals(ORDERS, to)).toEqual([]);
});

test.each([
  [
    "a component that runs code",
    `${ORDERS}[[process]]\nname = "new"\ntype = "shell"\nargv = ["id"]\n`,
    'process "new" is of type "shell", which runs code',
  ],
  [
    "another program",
    edited('"enrich.mjs"', '"other.mjs"'),
    'process "enrich" is of type "shell", which runs code',
  ],
  ["a new reference", edited('"s3cret-one"', '"${env:WAREHOUSE_URL}"'), `input "shop" ${REFERENCE}`],
  [
    "another place for a secret that is known",
    edited('path = "/hooks/shop"', 'path = "/hooks/else"'),
    `input "shop" ${REFERENCE}`,
  ],
  [
    "a reference in a setting",
    edited('labels = { team = "shop" }', 'labels = { team = "${env:TOKEN}" }'),
    `input "raw_orders" ${REFERENCE}`,
  ],
  [
    "a reference in a link",
    edited("'double(data.total) > 1000.0'", "\"data.a == '${env:TOKEN}'\""),
    `a link ${REFERENCE}`,
  ],
  [
    "a reference at the top",
    edited('token = "${env:TOKEN}"', 'viewer_token = "${env:TOKEN}"'),
    `http ${REFERENCE}`,
  ],
  [
    "a reference in a connection",
    `${ORDERS}[connections.other]\nconnection_string = "\${env:WAREHOUSE_URL}"\n`,
    `connections.other ${REFERENCE}`,
  ],
])("%s may not", async (_, to, why) => {
  expect(await refusals(ORDERS, to)).toEqual([why]);
});

test("an escaped reference is none", async () => {
  const to = ORDERS.replace('team = "shop"', () => 'team = "$${env:TOKEN}"');
  expect(await refusals(ORDERS, to)).toEqual([]);
});

test.each([
  ["beside the common keys", { connection: "db" }],
  ["in the execution context", { execution_context: { connection: "db" } }],
])("a connection named %s may not lead elsewhere what has a reference", async (_, named) => {
  const tree = (server: string) => ({
    connections: {
      db: { connection_string: `postgres://${server}/shop` },
      other: { connection_string: "a" },
    },
    process: [{ name: "land", type: "note", tag: "${env:TOKEN}", ...named }],
  });
  expect(await localOnly(tree("here"), tree("here"), registry)).toEqual([]);
  expect(await localOnly(tree("here"), tree("there"), registry)).toEqual([`process "land" ${REFERENCE}`]);
});

test("what reads files of this machine may not be brought in, nor read others", async () => {
  const kinds = createRegistry({ inputs: { file: async () => fileInput }, processes: {} });
  const tree = (path: string) => ({ input: [{ name: "inbox", type: "file", path }] });
  const why = ['input "inbox" is of type "file", which reads this machine\'s files'];
  expect(await localOnly({}, tree("/etc"), kinds)).toEqual(why);
  expect(await localOnly(tree("in"), tree("/etc"), kinds)).toEqual(why);
  expect(await localOnly(tree("in"), tree("in"), kinds)).toEqual([]);
});

const FILES = "reads this machine's files if tls names some";
const PG_FILES = /reads this machine's files if its connection string names some/;
const PASSWORD = /takes this machine's PGPASSWORD or ~\/.pgpass/;
const SOCKET = /takes this machine's socket or PGHOST/;
const SHOP = "postgres://sluice:s3cret@db.example/shop";

test.each<[string, Fields, RegExp | string | undefined]>([
  ["Kafka with files", { type: "kafka", tls: { ca: "/etc/shadow" } }, FILES],
  ["Kafka with files in the context", { type: "kafka", execution_context: { tls: '{"key":"/k"}' } }, FILES],
  ["Kafka with plain TLS", { type: "kafka", tls: true }, undefined],
  ["Kafka without TLS", { type: "kafka" }, undefined],
  ["PostgreSQL with a certificate's file", { connection_string: `${SHOP}?sslrootcert=/dev/zero` }, PG_FILES],
  ["PostgreSQL with a key's file", { connection_string: SHOP, direct: `${SHOP}?sslkey=/k` }, PG_FILES],
  ["PostgreSQL without a password", { connection_string: "postgres://sluice@db.example/shop" }, PASSWORD],
  [
    "PostgreSQL with an empty one",
    { connection_string: `${SHOP.replace("s3cret", "")}?password=` },
    PASSWORD,
  ],
  ["PostgreSQL with one beside", { connection_string: "postgres://db.example/shop?password=a" }, undefined],
  ["PostgreSQL by a socket", { connection_string: `${SHOP}?host=/var/run/postgresql` }, SOCKET],
  ["PostgreSQL by one in the host", { connection_string: "postgres://u:p@%2Fvar%2Frun/shop" }, SOCKET],
  ["PostgreSQL without a host", { connection_string: "postgres:///shop?user=a&password=b" }, SOCKET],
  ["PostgreSQL by a connection", { connection: "db" }, PASSWORD],
  ["PostgreSQL with all that it needs", { connection_string: SHOP }, undefined],
])("%s takes from this machine what it should", async (_, fields, why) => {
  const connections = { db: { connection_string: "postgres://db.example/shop" } };
  for (const [role, type] of [
    ["input", "postgres"],
    ["process", "sql"],
  ] as const) {
    const one = { name: "one", type, ...fields };
    const found = await localOnly({ connections }, { connections, [role]: [one] }, BUILT_IN);
    if (why === undefined) expect(found).toEqual([]);
    else expect(found).toEqual([expect.stringMatching(why)]);
    expect(await localOnly({ connections, [role]: [one] }, { connections, [role]: [one] }, BUILT_IN)).toEqual(
      [],
    );
  }
});

test("each of two components of one name is looked at", async () => {
  const old = { name: "enrich", type: "shell", argv: ["node"] };
  const twice = { process: [old, { ...old, argv: ["id"] }] };
  expect(await localOnly({ process: [old] }, twice, registry)).toHaveLength(1);
});

import { expect, test } from "vitest";
import { registry } from "../../test/support/config-kinds.ts";
import { ORDERS, parse } from "../../test/support/config.ts";
import { createRegistry } from "./registry.ts";
import { fileInput } from "../inputs/file/index.ts";
import { localOnly } from "./local-only.ts";

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

test("each of two components of one name is looked at", async () => {
  const old = { name: "enrich", type: "shell", argv: ["node"] };
  const twice = { process: [old, { ...old, argv: ["id"] }] };
  expect(await localOnly({ process: [old] }, twice, registry)).toHaveLength(1);
});

import { expect, test } from "vitest";
import { ORDERS, parse } from "../../test/support/config.ts";
import { localOnly } from "./local-only.ts";

async function refusals(from: string, to: string): Promise<readonly string[]> {
  return localOnly(await parse(from), await parse(to));
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

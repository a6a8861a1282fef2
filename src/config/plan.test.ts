import { expect, test } from "vitest";
import { FOLDER, ORDERS, parse } from "../../test/support/config.ts";
import { parsePipeline } from "./load.ts";
import { compare, compareTops } from "./plan.ts";
import { registry } from "../../test/support/config-kinds.ts";

const edited = (from: string, to: string): string => ORDERS.replace(from, to);

async function changes(from: string, to: string): Promise<ReturnType<typeof compare>["changes"]> {
  return compare(await parse(from), await parse(to)).changes;
}

test("the same file changes nothing, whatever format it is written in", async () => {
  expect(await changes(ORDERS, ORDERS)).toEqual([]);
  const { document } = await parse(ORDERS);
  const json = await parse(JSON.stringify(document?.tree), "json");
  expect(compare(await parse(ORDERS), json).changes).toEqual([]);
  expect(compareTops(await parse(ORDERS), json)).toEqual([]);
});

test("a link may be written by itself or as on: that is no change", async () => {
  const by = edited('on = "raw_orders"\n', "");
  expect(await changes(ORDERS, `${by}[[link]]\nfrom = "raw_orders"\nto = "enrich"\n`)).toEqual([]);
});

test("what is added, removed and changed is told apart, inputs before processes before links", async () => {
  const to = `${edited('catch_up = "last"', 'catch_up = "all"')
    .replace("concurrency = 4\n", "")
    .replace("double(data.total) > 1000.0", "true")
    .replace('to = "enrich"\n', 'to = "extra"\n')}[[process]]\nname = "extra"\ntype = "note"\n`;
  expect(await changes(ORDERS, to)).toMatchObject([
    {
      action: "change",
      role: "input",
      name: "raw_orders",
      restarts: true,
      options: [{ option: "catch_up", before: "last", after: "all" }],
    },
    {
      action: "change",
      role: "process",
      name: "enrich",
      restarts: false,
      options: [{ option: "concurrency", before: 4, after: null }],
    },
    { action: "add", role: "process", name: "extra", type: "note" },
    {
      action: "change",
      role: "link",
      name: "raw_orders → audit",
      options: [{ option: "when", before: "double(data.total) > 1000.0", after: "true" }],
    },
    { action: "add", role: "link", name: "shop → extra" },
    { action: "remove", role: "link", name: "shop → enrich" },
  ]);
});

test("a name that is a process where it was an input is removed and added", async () => {
  const from = '[[input]]\nname = "one"\ntype = "hook"\npath = "/a"\n';
  const to = '[[process]]\nname = "one"\ntype = "note"\n';
  const difference = compare(await parse(from), await parse(to));
  expect(difference).toMatchObject({
    changes: [
      { action: "remove", role: "input" },
      { action: "add", role: "process" },
    ],
    removed: ["one"],
    processes: [{ name: "one" }],
  });
});

test("a secret that changed is seen, and not shown", async () => {
  const read = (text: string, TOKEN: string) =>
    parsePipeline(text, {
      file: `${FOLDER}/c.toml`,
      registry,
      environment: { TOKEN, WAREHOUSE_URL: "postgres://sluice:pass@localhost/shop" },
    });
  const difference = compare(await read(ORDERS, "first-secret"), await read(ORDERS, "second-secret"));
  expect(difference.changes).toMatchObject([
    { name: "shop", options: [{ option: "secrets", before: "***", after: "***" }] },
    { name: "enrich", options: [{ option: "argv", after: ["node", "enrich.mjs", "***"] }] },
  ]);
  expect(JSON.stringify(difference.changes)).not.toMatch(/first-secret|second-secret/);
});

test("what a shared connection says is an option of those that use it, and as secret", async () => {
  const text = (host: string): string => `[connections.warehouse]
connection_string = "postgres://sluice:hunter22@${host}/shop"
[[input]]
name = "raw"
type = "table"
connection = "warehouse"
tables = ["a"]
`;
  expect(await changes(text("one"), text("two"))).toMatchObject([
    { name: "raw", options: [{ option: "connection_string", before: "***", after: "***" }] },
  ]);
});

test("keys at the top are told of if they are there and say something else", async () => {
  const current = await parse(ORDERS);
  expect(compareTops(current, await parse(edited("concurrency = 64", "concurrency = 65")))).toEqual([
    "concurrency",
  ]);
  expect(compareTops(current, await parse('[[process]]\nname = "one"\ntype = "note"\n'))).toEqual([]);
});

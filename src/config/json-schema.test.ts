import { parse as parseToml } from "smol-toml";
import { expect, test } from "vitest";
import { z } from "zod";
import { registry } from "../../test/support/config-kinds.ts";
import { ORDERS } from "../../test/support/config.ts";
import { configSchema } from "./json-schema.ts";

const ok = (schema: object, value: unknown): boolean =>
  z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).success;

test("the schema for editors lets through what is right", async () => {
  expect(ok(await configSchema(registry), parseToml(ORDERS))).toBe(true);
  expect(ok(await configSchema(registry), {})).toBe(true);
});

test.each([
  { nam: "x" },
  { input: [{ name: "a" }] },
  { input: [{ name: "a", type: "hook" }] },
  { input: [{ name: "a", type: "hook", path: "/a", pth: "/b" }] },
  { input: [{ name: "a", type: "shell", argv: ["x"] }] },
  { process: [{ name: "p", type: "note", concurrency: 0 }] },
  { process: [{ name: "p", type: "shell", argv: "x" }] },
  { link: [{ from: "a", to: "p", wen: "true" }] },
])("the schema for editors refuses %j", async (value) => {
  expect(ok(await configSchema(registry), value)).toBe(false);
});

test("options are spelled as in config files, and described", async () => {
  const schema = await configSchema(registry);
  const text = JSON.stringify(schema);
  expect(text).toContain('"working_directory"');
  expect(text).not.toContain('"workingDirectory"');
  expect(text).toContain("Defaults to 8");
  expect(text).toContain("Listens to tables.");
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PIPELINE, workspace, type Workspace } from "../support/cli.ts";

let shop: Workspace;
beforeAll(() => {
  shop = workspace();
});
afterAll(() => shop.remove());

describe("validate", () => {
  test("a valid file is said to be, with what is in it", async () => {
    expect(await shop.sluice(["validate"])).toMatchObject({
      code: 0,
      stdout: "sluice.toml is valid: 1 input, 2 processes, 2 links\n",
      stderr: "",
    });
    expect(await shop.json(["validate"])).toMatchObject({
      valid: true,
      name: "shop",
      inputs: 1,
      processes: 2,
      links: 2,
    });
  });

  test.each([
    ["a missing module", PIPELINE.replace("./land.ts", "./none.ts"), "MODULE_NOT_FOUND"],
    ["an unset reference", PIPELINE.replace('"shop"', '"${env:NOT_SET_AT_ALL}"'), "UNSET_REFERENCE"],
    ["a listener off loopback without token", `${PIPELINE}[http]\nlisten = "0.0.0.0:1"`, "INSECURE_LISTENER"],
    ["a link twice", `${PIPELINE}[[link]]\nfrom = "orders"\nto = "land"`, "DUPLICATE_LINK"],
    ["a cycle", `${PIPELINE}[[link]]\nfrom = "report"\nto = "land"`, "CYCLE"],
    ["an unknown key", `colour = "red"\n${PIPELINE}`, "UNKNOWN_KEY"],
    ["an unknown type", PIPELINE.replace('"function"', '"fonction"'), "UNKNOWN_TYPE"],
    ["no TOML", "name = ", "CONFIG_SYNTAX"],
  ])("%s is told by file, line and column", async (_, config, code) => {
    shop.write("wrong.toml", config);
    const validated = await shop.sluice(["validate", "wrong.toml"]);
    expect(validated.stderr).toMatch(new RegExp(`^wrong\\.toml:\\d+:\\d+: ${code} .+\n`));
    expect(validated).toMatchObject({ code: 2, stdout: "" });
    const run = await shop.sluice(["run", "wrong.toml"]);
    expect(run).toMatchObject({ code: 2, stdout: "", stderr: validated.stderr });
  });

  test("as JSON, what is wrong is a value too", async () => {
    shop.write("wrong.toml", `colour = "red"\n${PIPELINE}`);
    const { code, stdout } = await shop.sluice(["validate", "wrong.toml", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      issues: [{ file: "wrong.toml", line: 1, column: 1, code: "UNKNOWN_KEY" }],
    });
  });

  test("a file that is not there is told so", async () => {
    const { code, stderr } = await shop.sluice(["validate", "none.toml"]);
    expect(stderr).toMatch(/^none\.toml:1:1: CONFIG_NOT_FOUND /);
    expect(code).toBe(2);
  });

  test("a weak secret of a webhook is warned of, with its cure and without it, and refused by nobody", async () => {
    const hook = '[http]\nlisten = "127.0.0.1:0"\n[[input]]\nname = "hook"\ntype = "webhook"\npath = "/x"\n';
    const link = '[[link]]\nfrom = "hook"\nto = "report"\n';
    shop.write("weak.toml", `${PIPELINE}${hook}secret = "hunter2"\n${link}`);
    const { code, stderr } = await shop.sluice(["validate", "weak.toml"]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(/^weak\.toml:\d+:10: WEAK_SECRET input "hook": [^\n]*openssl[^\n]*\n$/),
    });
    expect(stderr).not.toContain("hunter2");
    const doctor = await shop.sluice(["doctor", "weak.toml", "--json"]);
    const { findings } = JSON.parse(doctor.stdout) as { findings: { level: string; message: string }[] };
    expect(findings.filter(({ message }) => message.includes("WEAK_SECRET"))).toMatchObject([
      { level: "warning" },
    ]);
    expect(doctor.stderr).toBe("");
  });

  test("--connect says what cannot be reached, without its password", async () => {
    shop.write(
      "database.toml",
      `${PIPELINE}
[[process]]
name = "store"
type = "sql"
on = "orders"
connection_string = "\${env:DATABASE}"
statement = "select 1"
`,
    );
    const env = { DATABASE: "postgres://me:hunter22@127.0.0.1:9/none" };
    const { code, stdout, stderr } = await shop.sluice(["validate", "database.toml", "--connect"], { env });
    expect(stdout).toContain("database.toml is valid");
    expect(stderr).toMatch(/^error: \w+ store: /m);
    expect(stderr).not.toContain("hunter22");
    expect(code).toBe(1);
  });
});

describe("graph", () => {
  test.each([
    ["mermaid", "flowchart LR"],
    ["dot", "digraph"],
  ])("is drawn as %s", async (format, start) => {
    const { code, stdout } = await shop.sluice(["graph", "--format", format]);
    expect(code).toBe(0);
    expect(stdout).toContain(start);
    expect(stdout).toContain("orders");
  });

  test("as JSON it has nodes and edges", async () => {
    const { nodes, edges } = await shop.json<{ nodes: object[]; edges: object[] }>([
      "graph",
      "--format",
      "json",
    ]);
    expect(nodes).toHaveLength(3);
    expect(edges).toContainEqual(expect.objectContaining({ from: "orders", to: "land", kind: "link" }));
  });
});

test("the schema of config files is JSON Schema", async () => {
  const { code, stdout } = await shop.sluice(["schema"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
  });
});

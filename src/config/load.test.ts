import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ENVIRONMENT,
  errorsIn,
  errorsOf,
  FOLDER,
  load,
  ORDERS,
  parse,
  type TextFormat,
} from "../../test/support/config.ts";
import { formatIssue } from "./issue.ts";
import { maskedView, type Pipeline } from "./pipeline.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-config-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("a whole pipeline", () => {
  test("is read with everything that it says", async () => {
    const pipeline = await parse(ORDERS);
    expect(pipeline).toMatchObject({
      name: "orders",
      directory: FOLDER,
      journal: `sqlite:${FOLDER}/.sluice/journal.db`,
      concurrency: 64,
      grace: "45s",
      retention: { succeeded: "1d", dead: "60d", dedupe: 1000, maxSize: 2e9 },
      http: { host: "127.0.0.1", port: 8787, token: "hunter22", changes: false },
      hooks: { host: "::", port: 8080 },
      warnings: [],
    });
    expect(pipeline.inputs.map(({ name, type, component }) => [name, type, component.settings])).toEqual([
      ["raw_orders", "table", { operations: ["create"], expectEvery: "1h", labels: { team: "shop" } }],
      ["shop", "hook", {}],
    ]);
    expect(pipeline.inputs[0]?.component.reads).toEqual(["raw.orders"]);
    expect(pipeline.inputs[0]?.made?.options).toEqual({
      connectionString: ENVIRONMENT.WAREHOUSE_URL,
      tables: ["raw.orders"],
      catchUp: "last",
    });
    const [enrich, audit] = pipeline.processes;
    expect(enrich?.component).toMatchObject({
      name: "enrich",
      writes: ["enriched.orders:create"],
      settings: {
        concurrency: 4,
        timeout: "5m",
        grace: "10s",
        order: "key",
        onDead: "block",
        rate: "100/s",
        retry: { attempts: 5, initial: "1s", max: "5m" },
      },
    });
    expect(enrich?.made?.options).toMatchObject({ environment: { catchUp: "as it is", keep_me: "too" } });
    expect(audit?.made?.options).toEqual({
      argv: ["audit", "--all"],
      limit: 3,
      workingDirectory: "7",
      environment: {},
    });
    expect(pipeline.links).toEqual([
      { from: "raw_orders", to: "enrich" },
      { from: "raw_orders", to: "audit", operations: ["create"], when: "double(data.total) > 1000.0" },
      { from: "shop", to: "audit" },
      { from: "shop", to: "enrich", operations: ["create", "update"], locations: ["raw.*"] },
      { from: "enrich", to: "audit" },
    ]);
  });

  test.each<[TextFormat, string]>([
    [
      "yaml",
      "name: y\ninput:\n- { name: a, type: hook, path: /a }\nprocess:\n- name: b\n  type: note\n  on: a\nhttp: {}\n",
    ],
    [
      "json",
      '{"name":"y","http":{},"input":[{"name":"a","type":"hook","path":"/a"}],"process":[{"name":"b","type":"note","on":"a"}]}',
    ],
    [
      "toml",
      '\r\nname = "y"\r\n[http]\r\n[[input]]\r\nname="a"\r\ntype="hook"\r\npath="/a"\r\n[[process]]\r\nname="b"\r\ntype="note"\r\non="a"\r\n',
    ],
  ])("is the same in %s", async (format, text) => {
    const { name, links, http, hooks } = await parse(text, format);
    expect({ name, links, http, hooks }).toEqual({
      name: "y",
      links: [{ from: "a", to: "b" }],
      http: { host: "127.0.0.1", port: 8787, changes: false },
      hooks: null,
    });
  });

  test("may say next to nothing", async () => {
    expect(await parse("")).toMatchObject({
      name: "pipeline",
      journal: `sqlite:${FOLDER}/.sluice/journal.db`,
      http: null,
      hooks: null,
      retention: {},
      inputs: [],
      processes: [],
      links: [],
    });
    expect((await parse('journal = "memory:"')).journal).toBe("memory:");
  });

  test("with an input that nothing is linked to is fine", async () => {
    expect(await errorsIn('[http]\n[[input]]\nname="a"\ntype="hook"\npath="/a"\n')).toEqual([]);
  });

  test("that has a process to which nothing leads is warned of", async () => {
    const { warnings } = await parse('[[process]]\nname = "p"\ntype = "note"\n');
    expect(warnings.map((issue) => formatIssue(issue).replace(`${FOLDER}/`, ""))).toEqual([
      'c.toml:2:8: UNLINKED process "p": nothing leads to it, so it never runs; say on = "INPUT", or write a [[link]]',
    ]);
  });

  test("that has a webhook and nothing to serve it is warned of", async () => {
    const { warnings } = await parse('[[input]]\nname = "a"\ntype = "hook"\npath = "/a"\n');
    expect(warnings.map((issue) => formatIssue(issue).replace(`${FOLDER}/`, ""))).toEqual([
      'c.toml:4:8: HOOK_PATH input "a": nothing serves /a; add [http] or [hooks]',
      'c.toml:2:8: UNLINKED input "a": it leads to no process; name it in the on of one, or in a [[link]]',
    ]);
  });
});

describe("files", () => {
  test("with a byte order mark and carriage returns keep their lines", async () => {
    const file = join(folder, "bom.toml");
    await writeFile(file, '\ufeffname = "x"\r\n\r\ngrace = "soon"\r\n');
    expect(await errorsOf(load(file), folder)).toEqual([
      expect.stringContaining("bom.toml:3:9: INVALID_DURATION"),
    ]);
  });

  test("that are not there", async () => {
    expect(await errorsOf(load(join(folder, "none.toml")), folder)).toEqual([
      expect.stringContaining("none.toml:1:1: CONFIG_NOT_FOUND there is no such file"),
    ]);
    expect(await errorsOf(load(join(folder, "none.ts")), folder)).toEqual([
      expect.stringContaining("none.ts:1:1: CONFIG_NOT_FOUND there is no such file"),
    ]);
  });
});

describe("modules", () => {
  async function module(name: string, text: string): Promise<Pipeline> {
    const file = join(folder, name);
    await writeFile(file, text);
    return load(file);
  }

  test("spell tokens and connections as code does", async () => {
    const pipeline = await module(
      "spelling.mjs",
      `export default {
         journal: "memory:",
         http: { viewerToken: "may read", adminToken: "may change" },
         connections: { wareHouse: { connectionString: "postgres://a:hunter22@b/c" } },
       };`,
    );
    expect(pipeline.http).toMatchObject({ viewerToken: "may read", adminToken: "may change" });
    expect(maskedView(pipeline)).toMatchObject({
      http: { viewer_token: "***", admin_token: "***" },
      connections: { wareHouse: { connection_string: "***" } },
    });
  });

  test("hold components that were made in code, beside tables", async () => {
    const pipeline = await module(
      "pipeline.mjs",
      `const name = "in_code";
       export default {
         name, journal: "memory:", retention: { maxSize: "1MB" }, http: { listen: "127.0.0.1:0" },
         inputs: [
           { name: "mine", reads: ["raw.t"], settings: { expectEvery: "1m" }, async handle() {} },
           { name: "theirs", type: "table", connectionString: "\${env:WAREHOUSE_URL}", tables: ["t"], catchUp: "all" },
         ],
         processes: [
           { name: "run", on: "mine", settings: { onDead: "block", rate: "1/s" }, run() { return this.hidden; }, hidden: undefined },
           { name: "table", type: "shell", argv: ["x"], onDead: "block", on: ["theirs", "run"] },
         ],
         links: [{ from: "mine", to: "table", operations: ["insert"] }],
       };`,
    );
    expect(pipeline).toMatchObject({ name: "in_code", journal: "memory:", retention: { maxSize: 1e6 } });
    expect(pipeline.inputs.map(({ name, type, made }) => [name, type, made === undefined])).toEqual([
      ["mine", "custom", true],
      ["theirs", "table", false],
    ]);
    expect(pipeline.processes.map(({ component }) => component.settings)).toEqual([
      { onDead: "block", rate: "1/s" },
      { onDead: "block" },
    ]);
    expect(pipeline.links).toHaveLength(4);
    expect(JSON.stringify(maskedView(pipeline))).not.toContain("pass");
  });

  test.each<[string, string]>([
    [
      "export default { inputs: [{ name: 'a', settings: { expectEvry: 1 }, handle() {} }] }",
      '1:1: UNKNOWN_KEY input "a": there is no key "expect_evry"; did you mean "expect_every"?',
    ],
    [
      "export default { processes: [{ name: 'a', settings: { rate: 'x' }, run() {} }] }",
      '1:1: INVALID_OPTIONS process "a", rate: "x" is not a rate',
    ],
    [
      "export default { processes: [{ name: 'a', on: 'b', run() {} }] }",
      '1:1: UNKNOWN_NAME there is no input or process named "b"',
    ],
    ["export default { links: [{ from: 'a' }] }", "1:1: INVALID_OPTIONS link 1: it needs to or process"],
    ["export const name = 1", "1:1: CONFIG_SYNTAX the module must export a pipeline by default"],
    ["export default [", "1:1: CONFIG_SYNTAX the module cannot be loaded: "],
    ["throw new Error('broken')", "1:7: CONFIG_SYNTAX the module cannot be loaded: Error: broken"],
    [
      "import './missing.mjs'",
      "1:1: MODULE_NOT_FOUND the module cannot be loaded: Error: Cannot find module",
    ],
  ])("%s", async (text, expected) => {
    const name = `module-${randomUUID()}.mjs`;
    const errors = await errorsOf(module(name, text), folder);
    expect(errors[0]).toContain(`${name}:${expected}`);
  });

  test("that changed are read anew", async () => {
    const file = join(folder, "changing.mjs");
    await writeFile(file, "export default { name: 'one' }");
    expect((await load(file)).name).toBe("one");
    await writeFile(file, "export default { name: 'two' }");
    expect((await load(file)).name).toBe("two");
  });

  test("in TypeScript are run as they are, and say where they are wrong", async () => {
    const good = join(folder, "good.ts");
    await writeFile(
      good,
      'interface Named { name: string }\nconst named: Named = { name: "typed" };\nexport default named;\n',
    );
    const bad = join(folder, "bad.ts");
    await writeFile(bad, "const a: number = 1;\n\n  throw new Error(String(a));\n");
    const script = `import { loadPipeline, createRegistry } from ${JSON.stringify(import.meta.resolve("./index.ts"))};
      const options = { registry: createRegistry() };
      console.log((await loadPipeline(process.argv[1], options)).name);
      await loadPipeline(process.argv[2], options).catch((error) => console.log(error.message));`;
    // the runner of these tests would transform the modules in its own way
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--input-type=module",
      "-e",
      script,
      good,
      bad,
    ]);
    expect(stdout.trim().split("\n")).toEqual([
      "typed",
      `${bad}:3:9: CONFIG_SYNTAX the module cannot be loaded: Error: 1`,
    ]);
  });
});

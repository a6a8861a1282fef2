import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configIssues, formatIssue } from "./issue.ts";
import { formatOf, parseSource, readText, type ConfigFormat, type Source } from "./source.ts";

type TextFormat = Exclude<ConfigFormat, "module">;

/** What `FILE:LINE:COL: CODE message` lines come of it. */
async function errorsOf(work: Promise<unknown>): Promise<string[]> {
  try {
    await work;
  } catch (error) {
    return configIssues(error)?.map(formatIssue) ?? [String(error)];
  }
  return [];
}

async function parse(text: string, format: TextFormat): Promise<Source> {
  return parseSource(`c.${format}`, text, format);
}

describe("syntax errors say where", () => {
  test.each<[TextFormat, string, string]>([
    ["toml", 'name = "x"\nname = "y"\n', "c.toml:2:1: CONFIG_SYNTAX"],
    ["toml", "name = \n", "c.toml:1:"],
    [
      "toml",
      "[[input]]\ntype = webhook # mine\n",
      'c.toml:2:8: CONFIG_SYNTAX invalid value; text needs quotes: "webhook"',
    ],
    ["toml", "path = /orders\n", 'c.toml:1:8: CONFIG_SYNTAX invalid value; text needs quotes: "/orders"'],
    [
      "toml",
      '[[input]]\nname = "unfinished\n',
      "c.toml:2:19: CONFIG_SYNTAX control characters are not allowed in strings; is the closing quote missing?",
    ],
    ["yaml", "name: x\n  bad: [\n", "c.yaml:1:7: CONFIG_SYNTAX Nested"],
    ["yaml", "name: x\nname: y\n", "c.yaml:2:1: CONFIG_SYNTAX Map keys must be unique"],
    ["yaml", "a: 1\n---\nb: 2\n", "c.yaml:2:1: CONFIG_SYNTAX"],
    ["json", '{\n  "name": x }', "c.json:2:11: CONFIG_SYNTAX Unexpected token 'x'"],
    ["json", '{ "a": 1, "a": 2 }', "c.json:1:11: CONFIG_SYNTAX Map keys must be unique"],
    ["json", '{ "a": 1,\n', "c.json:1:10: CONFIG_SYNTAX Expected double-quoted property name"],
    ["json", '{ "a": tru', "c.json:1:11: CONFIG_SYNTAX Unexpected end of JSON input"],
    ["json", '{ "a": "x\ny" }', "c.json:1:10: CONFIG_SYNTAX Bad control character"],
    ["json", '{ "a": [1, 2, ] }', "c.json:1:15: CONFIG_SYNTAX Unexpected token ']'"],
    ["json", '{ "a": 1 } // done', "c.json:1:12: CONFIG_SYNTAX"],
    ["json", "", "c.json:1:1: CONFIG_SYNTAX"],
    ["json", "[]", "c.json:1:1: CONFIG_SYNTAX a config file is a table"],
    ["yaml", "", "c.yaml:1:1: CONFIG_SYNTAX a config file is a table"],
    ["yaml", "just text", "c.yaml:1:1: CONFIG_SYNTAX a config file is a table"],
  ])("%s %j", async (format, text, expected) => {
    expect((await errorsOf(parse(text, format)))[0]).toContain(expected);
  });

  test("several of one YAML file are told together", async () => {
    expect(await errorsOf(parse("a: 1\na: 2\nb: 1\nb: 2\n", "yaml"))).toHaveLength(2);
  });
});

describe("positions", () => {
  test.each<[TextFormat, string]>([
    ["yaml", "name: x\ninput:\n  - name: one\n    tables:\n    - a\n    - 'b'\n"],
    ["json", '{ "name": "x",\n"input": [\n {    "name": "one",\n\t\t"tables": [\n"a",\n    "b"]}]}'],
  ])("of %s are those of keys and values", async (format, text) => {
    const { positions, value } = await parse(text, format);
    expect(value).toEqual({ name: "x", input: [{ name: "one", tables: ["a", "b"] }] });
    expect(positions.keyAt(["input"]).line).toBe(2);
    expect(positions.keyAt(["input", 0, "name"])).toEqual({ line: 3, column: format === "yaml" ? 5 : 7 });
    expect(positions.keyAt(["input", 0, "tables"]).line).toBe(4);
    expect(positions.valueAt(["input", 0, "tables", 1])).toEqual({
      line: 6,
      column: format === "yaml" ? 7 : 5,
    });
  });

  test("a JSON file that is indented with tabs and has escapes is read as JSON", async () => {
    const text = JSON.stringify({ a: "\ud83d\ude00\u2028/é", b: [{ c: null }] }, null, "\t").replaceAll(
      "/",
      "\\/",
    );
    const { value, positions } = await parse(text, "json");
    expect(value).toEqual(JSON.parse(text));
    expect(positions.valueAt(["b", 0, "c"])).toEqual({ line: 5, column: 9 });
  });
});

describe("hostile text", () => {
  test("a YAML alias bomb is refused where its first alias stands", async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const items = Array.from({ length: 9 }, () => (level === 0 ? "lol" : `*l${level - 1}`));
      return `l${level}: &l${level} [${items.join(",")}]`;
    });
    expect(await errorsOf(parse(levels.join("\n"), "yaml"))).toEqual([
      "c.yaml:2:10: CONFIG_SYNTAX Excessive alias count indicates a resource exhaustion attack",
    ]);
  });

  test("an alias that shares settings is welcome", async () => {
    const { value } = await parse("a: &retry { attempts: 2 }\nb: *retry\n", "yaml");
    expect(value).toEqual({ a: { attempts: 2 }, b: { attempts: 2 } });
  });

  test("an alias of itself is refused", async () => {
    expect((await errorsOf(parse("a: &a [*a]\n", "yaml")))[0]).toContain("c.yaml:1:");
  });

  test.each<[TextFormat, string]>([
    ["json", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["yaml", `a: ${"[".repeat(100_000)}`],
    ["toml", `a = ${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["json", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`],
    ["yaml", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`],
    ["toml", `a = ${"[".repeat(200)}${"]".repeat(200)}`],
    ["toml", `a${".a".repeat(100_000)} = 1`],
    ["toml", `[a${".a".repeat(100_000)}]`],
  ])("%s that is nested too deeply is refused", async (format, text) => {
    const [first] = await errorsOf(parse(text, format));
    expect(first).toContain("CONFIG_SYNTAX");
  });

  test.each<[TextFormat, string]>([
    ["json", '{"__proto__":{"polluted":true},"constructor":1}'],
    ["yaml", "__proto__: { polluted: true }\nconstructor: 1\n"],
    ["toml", "constructor = 1\n[__proto__]\npolluted = true\n"],
  ])("keys that objects are born with are plain keys in %s", async (format, text) => {
    const { value } = await parse(text, format);
    expect(Object.keys(value as object).toSorted()).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe("files", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-source-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function read(content: string | Uint8Array): Promise<string> {
    const file = join(folder, "file.toml");
    await writeFile(file, content);
    return readText(file);
  }

  test("a byte order mark is dropped", async () => {
    expect(await read('\ufeffname = "x"')).toBe('name = "x"');
  });

  test("10 MB are refused, without reading them all", async () => {
    const [error] = await errorsOf(read("#".repeat(10_000_000)));
    expect(error).toContain("file.toml:1:1: CONFIG_SYNTAX the file has more than 1000000 bytes");
  });

  test("what is not UTF-8 is refused where it is not", async () => {
    const bytes = new Uint8Array([...Buffer.from('name = "x"\nb = "'), 0xff, 0xfe, 0x22]);
    const [error] = await errorsOf(read(bytes));
    expect(error).toContain("file.toml:2:6: CONFIG_SYNTAX the file is not UTF-8");
  });

  test("a file that is not there, or is a folder, is CONFIG_NOT_FOUND", async () => {
    const missing = join(folder, "missing.toml");
    expect(await errorsOf(readText(missing))).toEqual([
      `${missing}:1:1: CONFIG_NOT_FOUND there is no such file; name a config file, run this where sluice.toml is, or make one by "sluice init"`,
    ]);
    expect((await errorsOf(readText(folder)))[0]).toContain(":1:1: CONFIG_NOT_FOUND EISDIR");
  });

  test("other extensions are refused", () => {
    expect(() => formatOf("sluice.ini")).toThrow(expect.objectContaining({ code: "CONFIG_SYNTAX" }));
    expect([".toml", ".YML", ".json", ".mts"].map((extension) => formatOf(`c${extension}`))).toEqual([
      "toml",
      "yaml",
      "json",
      "module",
    ]);
  });
});

test("an issue is one line, whatever its message holds", () => {
  const message = "a\r\n  b\u001b[31m\u0007";
  expect(formatIssue({ file: "f", line: 1, column: 2, code: "CONFIG_SYNTAX", message })).toBe(
    "f:1:2: CONFIG_SYNTAX a b\\u001b[31m\\u0007",
  );
});

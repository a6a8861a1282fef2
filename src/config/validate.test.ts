import { describe, expect, test } from "vitest";
import { errorsIn, parse } from "../../test/support/config.ts";

/** A pipeline with one good input and process, to which each case adds what is wrong. */
const BASE = `[http]
[[input]]
name = "a"
type = "table"
connection_string = "x"
tables = ["raw.t"]
[[process]]
name = "p"
type = "note"
`;
const BASE_LINES = BASE.split("\n").length - 1;

function line(offset: number): string {
  return `c.toml:${BASE_LINES + offset}`;
}

describe("what is wrong is said with its place", () => {
  test.each<[string, string, string]>([
    [
      "an unknown key of a process",
      "concurency = 4",
      `${line(1)}:1: UNKNOWN_KEY process "p": there is no key "concurency"; did you mean "concurrency"?`,
    ],
    [
      "a key that is kept for later",
      'debounce = "thread"',
      `${line(1)}:1: UNKNOWN_KEY process "p": "debounce" is kept for later versions; this one has no such key`,
    ],
    [
      "a key in the spelling of code",
      'onDead = "block"',
      `${line(1)}:1: UNKNOWN_KEY process "p": there is no key "onDead"; did you mean "on_dead"?`,
    ],
    [
      "a key that objects are born with",
      "__proto__ = { polluted = true }",
      `${line(1)}:1: UNKNOWN_KEY process "p": there is no key "__proto__"`,
    ],
    [
      "a dangling on",
      'on = ["a", "b"]',
      `${line(1)}:12: UNKNOWN_NAME there is no input or process named "b"`,
    ],
    [
      "a dangling on, nearly",
      'on = "aa"',
      `${line(1)}:6: UNKNOWN_NAME there is no input or process named "aa"; did you mean "a"?`,
    ],
    [
      "a dangling link",
      '[[link]]\nfrom = "a"\nto = "q"',
      `${line(3)}:6: UNKNOWN_NAME there is no process named "q"; did you mean "p"?`,
    ],
    [
      "a link without target",
      '[[link]]\ninput = "a"',
      `${line(1)}:1: INVALID_OPTIONS link 1: it needs to or process`,
    ],
    [
      "a link with two sources",
      '[[link]]\ninput = "a"\nfrom = "a"\nto = "p"',
      `${line(2)}:1: INVALID_OPTIONS link 1: from and input mean the same; write one of them`,
    ],
    [
      "an unknown key of a link",
      '[[link]]\ninput = "a"\nprocess = "p"\nif = "true"',
      `${line(4)}:1: UNKNOWN_KEY link 1: there is no key "if"`,
    ],
    [
      "a link to an input",
      '[[link]]\nfrom = "p"\nto = "a"',
      `${line(3)}:6: INVALID_OPTIONS link p → a: "a" is an input; a link leads to a process`,
    ],
    ["a link to itself", 'on = "p"', `${line(1)}:6: SELF_LINK "p" cannot be linked to itself`],
    [
      "the same link twice",
      'on = "a"\n[[link]]\ninput = "a"\nprocess = "p"',
      `${line(2)}:1: DUPLICATE_LINK there is a link a → p already; put all its conditions into one`,
    ],
    [
      "an expression that cannot be read",
      '[[link]]\ninput = "a"\nprocess = "p"\nwhen = "data.total >"',
      `${line(4)}:8: INVALID_EXPRESSION link a → p: when "data.total >", at character 13: Unexpected token: EOF`,
    ],
    [
      "an operation that is none",
      '[[link]]\ninput = "a"\nprocess = "p"\noperations = ["create", "upsert"]',
      `${line(4)}:25: INVALID_OPERATION link 1, operations.1: "upsert" is not an operation; use create (or insert), read, update, delete (or remove)`,
    ],
    [
      "a cycle through a dataset",
      'on = "a"\nwrites = ["raw.t:update"]',
      `${line(1)}:6: CYCLE link a → p closes a cycle: p → raw.t:update → a → p;`,
    ],
    [
      "a cycle",
      'on = ["a", "q"]\n[[process]]\nname = "q"\ntype = "note"\non = "p"',
      `${line(5)}:6: CYCLE link p → q closes a cycle: q → p → q;`,
    ],
    [
      "a name that is used twice",
      '[[process]]\nname = "a"\ntype = "note"',
      `${line(2)}:8: DUPLICATE_NAME there is an input named "a" already`,
    ],
    [
      "a name that is none",
      '[[process]]\nname = "a b"\ntype = "note"',
      `${line(2)}:8: INVALID_NAME a process has the name "a b"`,
    ],
    ["no name", '[[process]]\ntype = "note"', `${line(1)}:1: INVALID_OPTIONS process, name: it is missing`],
    [
      "no type",
      '[[process]]\nname = "b"',
      `${line(1)}:1: INVALID_OPTIONS process "b", type: it is missing; there are shell, note`,
    ],
    [
      "a misspelt type",
      '[[process]]\nname = "b"\ntyp = "note"',
      `${line(3)}:1: UNKNOWN_KEY process "b": there is no key "typ"; did you mean "type"?`,
    ],
    [
      "an unknown type",
      '[[process]]\nname = "b"\ntype = "note2"',
      `${line(3)}:8: UNKNOWN_TYPE process "b": "note2" is no type of process; did you mean "note"?`,
    ],
    [
      "a type that is like none",
      '[[process]]\nname = "b"\ntype = "kubernetes"',
      `${line(3)}:8: UNKNOWN_TYPE process "b": "kubernetes" is no type of process; there are shell, note`,
    ],
    [
      "a type of the other role",
      '[[process]]\nname = "b"\ntype = "hook"',
      `${line(3)}:8: UNKNOWN_TYPE process "b": "hook" is no type of process; it is a type of input`,
    ],
    [
      "a duration without unit",
      'timeout = "5"',
      `${line(1)}:11: INVALID_DURATION process "p", timeout: "5" is not a duration`,
    ],
    [
      "a duration of the wrong type",
      "timeout = true",
      `${line(1)}:11: INVALID_OPTIONS process "p", timeout: expected number or string`,
    ],
    [
      "a negative duration",
      "timeout = -1",
      `${line(1)}:11: INVALID_DURATION process "p", timeout: -1 is not a duration`,
    ],
    [
      "a rate that is none",
      'rate = "0/s"',
      `${line(1)}:8: INVALID_OPTIONS process "p", rate: "0/s" is not a rate`,
    ],
    [
      "an impossible number",
      "concurrency = 0",
      `${line(1)}:15: INVALID_OPTIONS process "p", concurrency: expected number to be >=1`,
    ],
    [
      "a number that is no whole one",
      "concurrency = 1.5",
      `${line(1)}:15: INVALID_OPTIONS process "p", concurrency: expected int, received number`,
    ],
    [
      "something deep inside",
      'retry = { attempts = 5, factor = "2" }',
      `${line(1)}:34: INVALID_OPTIONS process "p", retry.factor: expected number, received string`,
    ],
    [
      "an unknown key deep inside",
      "[process.retry]\natempts = 5",
      `${line(2)}:1: UNKNOWN_KEY process "p", retry: there is no key "atempts"`,
    ],
    [
      "a choice that there is not",
      'order = "keys"',
      `${line(1)}:9: INVALID_OPTIONS process "p", order: expected one of "none"|"key"; did you mean "key"?`,
    ],
    [
      "a choice of a kind that there is not",
      '[[input]]\nname = "t"\ntype = "table"\nconnection_string = "x"\ntables = ["x"]\ncatch_up = "lsat"',
      `${line(6)}:12: INVALID_OPTIONS input "t", catch_up: expected one of "none"|"last"|"all"; did you mean "last"?`,
    ],
    [
      "a text in the place of a list",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = "./x.sh --all"',
      `${line(4)}:8: INVALID_OPTIONS process "b", argv: expected array, received string; write a list: argv = ["./x.sh", "--all"]`,
    ],
    [
      "a text in the place of a list that only a shell could take apart",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = "x | y"',
      `${line(4)}:8: INVALID_OPTIONS process "b", argv: expected array, received string; write a list: argv = ["…"]`,
    ],
    [
      "a secret in the place of a list",
      '[[input]]\nname = "h"\ntype = "hook"\npath = "/h"\nsecrets = "hunter2"',
      `${line(5)}:11: INVALID_OPTIONS input "h", secrets: expected array, received string; write a list: secrets = ["…"]`,
    ],
    [
      "a reference in the place of a list",
      '[[input]]\nname = "h"\ntype = "table"\nconnection_string = "x"\ntables = "${env:TOKEN}"',
      `${line(5)}:10: INVALID_OPTIONS input "h", tables: expected array, received string; write a list: tables = ["…"]`,
    ],
    [
      "a number in the place of a table",
      "retry = 3",
      `${line(1)}:9: INVALID_OPTIONS process "p", retry: expected object, received number; write a table: retry = { … }`,
    ],
    [
      "a key of the other role",
      '[[input]]\nname = "h"\ntype = "hook"\npath = "/h"\non = "a"',
      `${line(5)}:1: UNKNOWN_KEY input "h": there is no key "on"; on is a key of a process`,
    ],
    [
      "what only a link can say",
      'operations = ["create"]',
      `${line(1)}:1: UNKNOWN_KEY process "p": there is no key "operations"; operations is a key of a [[link]], or of an input`,
    ],
    [
      "a reference as a shell writes it",
      '[[input]]\nname = "t"\ntype = "table"\ntables = ["x"]\nconnection_string = "${WAREHOUSE_URL}"',
      `${line(5)}:21: UNSET_REFERENCE \${WAREHOUSE_URL} refers to nothing; write \${env:WAREHOUSE_URL}, \${file:PATH}, or $\${WAREHOUSE_URL} for that text itself`,
    ],
    [
      "a reference in capitals",
      'rate = "${ENV:RATE}"',
      `${line(1)}:8: UNSET_REFERENCE \${ENV:RATE} refers to nothing; write \${env:RATE}`,
    ],
    [
      "a truth in quotes",
      'enabled = "true"',
      `${line(1)}:11: INVALID_OPTIONS process "p", enabled: expected boolean, received string; write true, without quotes`,
    ],
    [
      "a table of one process",
      '[link]\nfrom = "a"',
      `${line(1)}:1: INVALID_OPTIONS link is a list; in TOML, write [[link]] with two brackets`,
    ],
    [
      "options of a kind",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x", 1]',
      `${line(4)}:14: INVALID_OPTIONS process "b", argv.1: expected string, received number`,
    ],
    [
      "a missing option of a kind",
      '[[process]]\nname = "b"\ntype = "shell"',
      `${line(1)}:1: INVALID_OPTIONS process "b", argv: it is missing`,
    ],
    [
      "an unknown option of a kind",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x"]\nworking_dir = "/"',
      `${line(5)}:1: UNKNOWN_KEY process "b": there is no key "working_dir"`,
    ],
    [
      "an unknown option of a kind, nearly",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x"]\nworking_directry = "/"',
      `${line(5)}:1: UNKNOWN_KEY process "b": there is no key "working_directry"; did you mean "working_directory"?`,
    ],
    [
      "what a kind says with a code of its own",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["rm"]',
      `${line(4)}:9: FORBIDDEN process "b", argv.0: not that one`,
    ],
    [
      "what a kind finds when it makes one",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x"]\nworking_directory = "/nowhere"',
      `${line(5)}:21: MODULE_NOT_FOUND process "b": there is no such folder`,
    ],
    [
      "what a kind throws by mistake",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x"]\nworking_directory = "file:"',
      `${line(1)}:1: INVALID_OPTIONS process "b": a mistake of the kind's own`,
    ],
    [
      "an unknown key of a table inside",
      '[[process]]\nname = "b"\ntype = "note"\nretry = { attemps = 2 }',
      `${line(4)}:11: UNKNOWN_KEY process "b", retry: there is no key "attemps"; did you mean "attempts"?`,
    ],
    [
      "two spellings of one key",
      '[[input]]\nname = "h"\ntype = "hook"\npath = "/h"\noperation = "create"\noperations = ["update"]',
      `${line(6)}:1: INVALID_OPTIONS input "h": operation and operations mean the same; write one of them`,
    ],
    [
      "an option in execution_context",
      '[[process]]\nname = "b"\ntype = "shell"\nexecution_context = { argv = ["x"], limt = "1" }',
      `${line(4)}:37: UNKNOWN_KEY process "b": there is no key "limt"; did you mean "limit"?`,
    ],
    [
      "an option in execution_context that is no JSON either",
      '[[process]]\nname = "b"\ntype = "shell"\nexecution_context = { argv = "x y" }',
      `${line(4)}:30: INVALID_OPTIONS process "b", execution_context.argv: expected array, received string`,
    ],
    [
      "an option twice",
      '[[process]]\nname = "b"\ntype = "shell"\nargv = ["x"]\nexecution_context = { argv = "[]" }',
      `${line(5)}:23: UNKNOWN_KEY process "b": "argv" stands both flat and in execution_context; write it once`,
    ],
    [
      "a variable that is not set",
      'rate = "${env:NOT_SET}/s"',
      `${line(1)}:8: UNSET_REFERENCE \${env:NOT_SET}: the environment variable "NOT_SET" is not set; set it where sluice is started`,
    ],
    [
      "a secret whose variable is not set",
      '[[input]]\nname = "t"\ntype = "table"\ntables = ["x"]\nconnection_string = "${env:NOT_SET}"',
      `${line(5)}:21: UNSET_REFERENCE \${env:NOT_SET}: the environment variable "NOT_SET" is not set; set it where sluice is started`,
    ],
    [
      "a variable of the prototype",
      'rate = "${env:constructor}"',
      `${line(1)}:8: UNSET_REFERENCE \${env:constructor}: the environment variable "constructor" is not set; set it where sluice is started`,
    ],
    [
      "a file that is not there",
      'rate = "${file:./nothing}"',
      `${line(1)}:8: UNSET_REFERENCE \${file:./nothing}: there is no such file`,
    ],
    [
      "a file that is a folder",
      'rate = "${file:/}"',
      `${line(1)}:8: UNSET_REFERENCE \${file:/}: it is not a regular file`,
    ],
    [
      "a dataset that is none",
      'writes = ["x", ""]',
      `${line(1)}:16: INVALID_OPTIONS process "p", writes.1: "" names no dataset`,
    ],
  ])("%s", async (_, addition, expected) => {
    const errors = await errorsIn(BASE + addition);
    expect(errors[0]?.slice(0, expected.length)).toBe(expected);
  });

  test.each<[string, string]>([
    ['nam = "x"', 'c.toml:1:1: UNKNOWN_KEY there is no key "nam"; did you mean "name"?'],
    ["[[inputs]]", 'c.toml:1:1: UNKNOWN_KEY there is no key "inputs"; did you mean "[[input]]"?'],
    [
      'input = "x"',
      "c.toml:1:1: INVALID_OPTIONS input is a list; in TOML, write [[input]] with two brackets",
    ],
    ["input = [1]", "c.toml:1:10: INVALID_OPTIONS input: expected a table of keys and values"],
    ['name = "a b"', 'c.toml:1:8: INVALID_NAME name: the pipeline has the name "a b"'],
    ['journal = "postgres://x"', 'c.toml:1:11: INVALID_OPTIONS journal: expected "memory:" or "sqlite:PATH"'],
    [
      'journal = "sqlite:a\\u0000b"',
      'c.toml:1:11: INVALID_OPTIONS journal: expected "memory:" or "sqlite:PATH"',
    ],
    ["__proto__ = 1", 'c.toml:1:1: UNKNOWN_KEY there is no key "__proto__"'],
    ['journal = "sqlite:"', 'c.toml:1:11: INVALID_OPTIONS journal: expected "memory:" or "sqlite:PATH"'],
    ["concurrency = 0", "c.toml:1:15: INVALID_OPTIONS concurrency: expected number to be >=1"],
    ["concurrency = nan", "c.toml:1:15: INVALID_OPTIONS concurrency: expected number, received NaN"],
    ['grace = "soon"', 'c.toml:1:9: INVALID_DURATION grace: "soon" is not a duration'],
    [
      '[retention]\nmax_size = "2 apples"',
      'c.toml:2:12: INVALID_OPTIONS retention, max_size: "2 apples" is not a size',
    ],
    [
      '[retention]\nsucceded = "1d"',
      'c.toml:2:1: UNKNOWN_KEY retention: there is no key "succeded"; did you mean "succeeded"?',
    ],
    [
      '[http]\nlisten = "0.0.0.0:80"',
      'c.toml:2:10: INSECURE_LISTENER http: "0.0.0.0:80" can be reached from outside; set a token, or listen on 127.0.0.1',
    ],
    ['[http]\nlisten = "[::]:80"', "c.toml:2:10: INSECURE_LISTENER"],
    ['[http]\nlisten = "example.org:80"', "c.toml:2:10: INSECURE_LISTENER"],
    ['[http]\nlisten = "127.0.0.1.example.org:80"', "c.toml:2:10: INSECURE_LISTENER"],
    [
      '[http]\nlisten = "0.0.0.0:80"\ntoken = ""',
      "c.toml:3:9: INVALID_OPTIONS http, token: expected a token, not an empty text",
    ],
    [
      '[http]\nlisten = "0.0.0.0:80"\ntoken = "${env:EMPTY}"',
      "c.toml:3:9: INVALID_OPTIONS http, token: expected a token",
    ],
    ['[http]\nlisten = ":80"', 'c.toml:2:10: INVALID_OPTIONS http, listen: ":80" is no place to listen'],
    ['[http]\nlisten = "127.0.0.1:99999"', "c.toml:2:10: INVALID_OPTIONS http, listen:"],
    [
      "[http]\nlisten = 8787",
      "c.toml:2:10: INVALID_OPTIONS http, listen: expected string, received number; write it in quotes",
    ],
    ["[hooks]", "c.toml:1:1: INVALID_OPTIONS hooks, listen: it is missing"],
    [
      "[http]\nchange = true",
      'c.toml:2:1: UNKNOWN_KEY http: there is no key "change"; did you mean "changes"?',
    ],
    [
      '[http]\nlisten = "127.0.0.1:0"\njournal = "memory:"',
      'c.toml:3:1: UNKNOWN_KEY http: there is no key "journal"; journal is a key of the top: in TOML, write it before any [table]',
    ],
  ])("%j at the top", async (text, expected) => {
    const [error] = await errorsIn(text);
    expect(error?.slice(0, expected.length)).toBe(expected);
  });

  test("an API may be called by other names, which are hosts without a port", async () => {
    expect(await errorsIn('[http]\nhosts = ["sluice.internal"]')).toEqual([]);
    expect(await errorsIn('[http]\nhosts = ["sluice.internal:80"]')).toEqual([
      expect.stringMatching(/^c\.toml:2:\d+: INVALID_OPTIONS http, hosts/),
    ]);
  });

  test.each(["0.0.0.0:80", "[::]:80", "example.org:80"])("a token lets %s be listened on", async (listen) => {
    expect(await errorsIn(`[http]\nlisten = "${listen}"\ntoken = "secret"`)).toEqual([]);
  });

  test.each(["127.0.0.1:0", "127.8.9.1:80", "[::1]:80", "localhost:80"])(
    "%s needs no token",
    async (listen) => {
      expect(await errorsIn(`[http]\nlisten = "${listen}"`)).toEqual([]);
    },
  );

  test("all of it is said together, in the order of the file", async () => {
    const errors = await errorsIn(`nam = "x"
grace = "soon"
[[input]]
name = "a"
type = "tabel"
expect_every = "never"
[[process]]
name = "p"
type = "shell"
argv = "x"
on = ["a", "b"]
timeout = "\${env:NOPE}"
[[link]]
input = "a"
process = "p"
when = "1 +"
`);
    expect(errors.map((error) => error.split(" ", 2).join(" "))).toEqual([
      "c.toml:1:1: UNKNOWN_KEY",
      "c.toml:2:9: INVALID_DURATION",
      "c.toml:5:8: UNKNOWN_TYPE",
      "c.toml:6:16: INVALID_DURATION",
      "c.toml:10:8: INVALID_OPTIONS",
      "c.toml:11:12: UNKNOWN_NAME",
      "c.toml:12:11: UNSET_REFERENCE",
      "c.toml:13:1: DUPLICATE_LINK",
    ]);
  });

  test("one mistake in a component or link hides no other of it", async () => {
    const errors = await errorsIn(`[http]
[[input]]
name = "h"
typ = "hook"
path = "/api/x"
[[process]]
name = "b"
type = "shell"
argv = ["x"]
working_directory = "/nowhere"
timeout = "never"
[[link]]
input = "h"
process = "c"
operations = ["upsert"]
[[link]]
input = "h"
process = "b"
when = "1 +"
colour = "red"
`);
    expect(errors.map((error) => error.split(" ", 2).join(" "))).toEqual([
      "c.toml:4:1: UNKNOWN_KEY",
      "c.toml:5:8: HOOK_PATH",
      "c.toml:10:21: MODULE_NOT_FOUND",
      "c.toml:11:11: INVALID_DURATION",
      "c.toml:14:11: UNKNOWN_NAME",
      "c.toml:15:15: INVALID_OPERATION",
      "c.toml:19:8: INVALID_EXPRESSION",
      "c.toml:20:1: UNKNOWN_KEY",
    ]);
  });

  test("what a variable that is not set leaves behind is not called wrong, too", async () => {
    const text = '[http]\nlisten = "127.0.0.1:${env:NOT_SET}"\n[retention]\ndead = "${file:./nothing}"';
    expect(await errorsIn(text)).toEqual([
      expect.stringMatching(/^c\.toml:2:10: UNSET_REFERENCE/),
      expect.stringMatching(/^c\.toml:4:8: UNSET_REFERENCE/),
    ]);
  });

  test.each<["yaml" | "json", string, string]>([
    [
      "yaml",
      "input:\n  - name: a\n    type: table\n    conection_string: x\n    tables: [t]\n",
      'c.yaml:4:5: UNKNOWN_KEY input "a": there is no key "conection_string"; did you mean "connection_string"?',
    ],
    [
      "json",
      '{\n  "process": [\n    { "name": "p", "type": "note", "concurrency": "4" }\n  ]\n}',
      'c.json:3:51: INVALID_OPTIONS process "p", concurrency: expected number, received string; write 4, without quotes',
    ],
  ])("in %s too", async (format, text, expected) => {
    expect(await errorsIn(text, format)).toContain(expected);
  });
});

describe("hook paths", () => {
  const hooks = (...paths: string[]): string =>
    `[http]\n${paths.map((path, index) => `[[input]]\nname = "h${index}"\ntype = "hook"\npath = ${JSON.stringify(path)}\n`).join("")}`;

  test.each([
    "/",
    "",
    "hooks",
    "/api",
    "/api/v1/x",
    "/API/x",
    "/metrics",
    "/healthz/",
    "/readyz",
    "//x",
    "/x/../api",
    "/%61pi",
    "/x?y=1",
    "/x#y",
    "/./x",
    "/x//y",
    "/x\\y",
    "/%",
    "/x\ny",
  ])("%j is refused", async (path) => {
    expect((await errorsIn(hooks(path)))[0]).toMatch(/^c\.toml:5:8: HOOK_PATH input "h0": the path /);
  });

  test("two of them on one path are refused", async () => {
    expect(await errorsIn(hooks("/x", "/y", "/x"))).toEqual([
      'c.toml:13:8: HOOK_PATH input "h2": the path "/x" is that of input "h0" already',
    ]);
  });

  test.each(["/x", "/hooks/apis", "/apis", "/x/api", "/x/", "/a b", "/größe", "/a.b_c~d-e"])(
    "%j is fine",
    async (path) => {
      expect(await errorsIn(hooks(path))).toEqual([]);
    },
  );
});

describe("hostile files", () => {
  test("a table whose name is SQL is not for the config to refuse", async () => {
    const text = `[[input]]\nname = "a"\ntype = "table"\nconnection_string = "x"\ntables = ['x"; DROP TABLE y; --']\n`;
    expect(await errorsIn(text)).toEqual([]);
  });

  test("a thousand components are checked in good time", async () => {
    const many = Array.from(
      { length: 1_000 },
      (_, index) => `[[process]]\nname = "p${index}"\ntype = "note"\non = "a"\n`,
    );
    const started = process.cpuUsage();
    const { links } = await parse(BASE + many.join(""));
    expect(links).toHaveLength(1_000);
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
  });

  test("markup and escapes in names are shown as what they are", async () => {
    const errors = await errorsIn(
      `"\\u001b[31m<b>" = 1\n[[process]]\nname = "\\u001b[0m"\ntype = "\\u0007"\n`,
    );
    // oxlint-disable-next-line no-control-regex -- that is what is looked for
    expect(errors.join("\n")).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(errors[0]).toBe('c.toml:1:1: UNKNOWN_KEY there is no key "\\u001b[31m<b>"');
  });
});

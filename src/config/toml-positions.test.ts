import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { Positions, type Path } from "./positions.ts";
import { findTomlPositions } from "./toml-positions.ts";

function positionsOf(text: string): Positions {
  parse(text);
  const positions = new Positions(text);
  findTomlPositions(text, positions);
  return positions;
}

const TEXT = `# a comment with = and [table]
name = "x" # trailing
"quoted key" = 'literal # no comment'
a.b.'c d' = 1
long = """
[not.a.table]
key = "no key" \\""" still
"""""
after_long = '''
[[nor.this]]'''
list = [ 1, # one
  "two", [ 3, { four = 4 } ],
]
inline = { first = 1, second.third = [true] }
when = 1979-05-27 07:32:00

  [http]
  listen = "127.0.0.1:0"

[[input]]
name = "one"
[input.retry]
attempts = 5
[[input]]
name = "two"
  [[input.nested]]
  deep = 1
  [[input.nested]]
  deep = 2
[x."y.z"]
"\\u0041\\n" = 1
`;

test.each<[Path, line: number, keyColumn: number, valueColumn: number]>([
  [["name"], 2, 1, 8],
  [["quoted key"], 3, 1, 16],
  [["a"], 4, 1, 1],
  [["a", "b"], 4, 3, 3],
  [["a", "b", "c d"], 4, 5, 13],
  [["long"], 5, 1, 8],
  [["after_long"], 9, 1, 14],
  [["list", 0], 11, 10, 10],
  [["list", 1], 12, 3, 3],
  [["list", 2, 0], 12, 12, 12],
  [["list", 2, 1, "four"], 12, 17, 24],
  [["inline", "first"], 14, 12, 20],
  [["inline", "second"], 14, 23, 23],
  [["inline", "second", "third", 0], 14, 39, 39],
  [["when"], 15, 1, 8],
  [["http"], 17, 3, 3],
  [["http", "listen"], 18, 3, 12],
  [["input"], 20, 1, 1],
  [["input", 0], 20, 1, 1],
  [["input", 0, "name"], 21, 1, 8],
  [["input", 0, "retry"], 22, 1, 1],
  [["input", 0, "retry", "attempts"], 23, 1, 12],
  [["input", 1], 24, 1, 1],
  [["input", 1, "name"], 25, 1, 8],
  [["input", 1, "nested", 0, "deep"], 27, 3, 10],
  [["input", 1, "nested", 1], 28, 3, 3],
  [["input", 1, "nested", 1, "deep"], 29, 3, 10],
  [["x", "y.z", "A\n"], 31, 1, 14],
])("%j is found", (path, line, keyColumn, valueColumn) => {
  const positions = positionsOf(TEXT);
  expect(positions.keyAt(path)).toEqual({ line, column: keyColumn });
  expect(positions.valueAt(path)).toEqual({ line, column: valueColumn });
});

test("what is not there is where the nearest that holds it is", () => {
  const positions = positionsOf(TEXT);
  expect(positions.valueAt(["input", 1, "type"])).toEqual({ line: 24, column: 1 });
  expect(positions.keyAt(["inline", "second", "third", 9, "x"])).toEqual({
    line: 14,
    column: 23 + "second.".length,
  });
  expect(positions.valueAt(["nothing"])).toEqual({ line: 1, column: 1 });
});

test("carriage returns change no line and no column", () => {
  const positions = positionsOf(TEXT.replaceAll("\n", "\r\n"));
  expect(positions.valueAt(["input", 1, "nested", 1, "deep"])).toEqual({ line: 29, column: 10 });
  expect(positions.keyAt(["inline"])).toEqual({ line: 14, column: 1 });
});

const scalar = fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.boolean());
const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.oneof(
      { depthSize: "small" },
      scalar,
      fc.array(scalar),
      tie("tree"),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
    { maxKeys: 5 },
  ),
}));

test("every string, number and boolean of any document is found where it stands", () => {
  let found = 0;
  fc.assert(
    fc.property(tree, (value) => {
      const text = stringify(value);
      const lines = text.split("\n");
      const positions = positionsOf(text);
      for (const [path, leaf] of leaves(parse(text), [])) {
        const { line, column } = positions.valueAt(path);
        const rest = (lines[line - 1] as string).slice(column - 1);
        found++;
        if (typeof leaf !== "string") expect(rest.startsWith(String(leaf))).toBe(true);
        else expect(`x = ${rest}`).toMatch(/^x = ["']/);
      }
    }),
  );
  expect(found).toBeGreaterThan(100);
});

function* leaves(value: unknown, path: Path): Iterable<[Path, unknown]> {
  if (typeof value !== "object" || value === null) {
    yield [path, value];
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    yield* leaves(item, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

test("any text at all comes to an end", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...`[]{}="'.,#\n \\ab1`.split("")) }), (text) => {
      expect(() => findTomlPositions(text, new Positions(text))).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
});

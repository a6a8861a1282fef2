import { expect, test } from "vitest";
import { errorsIn, FOLDER, parse } from "../../test/support/config.ts";
import { maskedView } from "./pipeline.ts";

test("nothing is traced and no lineage is told of unless the file says so", async () => {
  expect(await parse("")).toMatchObject({ tracing: false, lineage: null });
});

test("lineage goes to a receiver, with its key masked wherever it could show", async () => {
  const pipeline = await parse(`[tracing]
[lineage]
url = "https://lineage.example"
api_key = "k-17-secret"
allow_private = ["10.0.0.0/8"]
max_runs = 5
namespace = "warehouse"
`);
  expect(pipeline).toMatchObject({
    tracing: true,
    lineage: {
      url: "https://lineage.example",
      apiKey: "k-17-secret",
      allowPrivate: ["10.0.0.0/8"],
      maxRuns: 5,
      namespace: "warehouse",
    },
  });
  expect(JSON.stringify(maskedView(pipeline))).not.toContain("k-17-secret");
  expect(pipeline.redact("Bearer k-17-secret")).toBe("Bearer ***");
});

test("or to a file, relative to the config file", async () => {
  const { tracing, lineage } = await parse(
    '[tracing]\nenabled = false\n[lineage]\nfile = "lineage.ndjson"\n',
  );
  expect({ tracing, lineage }).toEqual({ tracing: false, lineage: { file: `${FOLDER}/lineage.ndjson` } });
});

test.each([
  ["[lineage]", /lineage: say either url or file/],
  ['[lineage]\nurl = "https://a.example"\nfile = "b"', /lineage: say either url or file/],
  ['[lineage]\nurl = "ftp://a.example"', /lineage.*expected an http or https URL/],
  ['[lineage]\nfile = "a"\nmax_runs = 0', /lineage.*max_runs/],
  ['[lineage]\nfile = "a"\nnamspace = "x"', /did you mean "namespace"/],
])("refused with its place: %j", async (text, message) => {
  const [error, ...others] = await errorsIn(text);
  expect(error).toMatch(message);
  expect(error).toMatch(/^c\.toml:\d+/);
  expect(others).toEqual([]);
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";

const folder = join(import.meta.dirname, "../fixtures/openlineage");
const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Record<string, unknown>;

const FACETS = {
  run: {
    parent: "ParentRunFacet",
    errorMessage: "ErrorMessageRunFacet",
    processing_engine: "ProcessingEngineRunFacet",
    nominalTime: "NominalTimeRunFacet",
  },
  job: { jobType: "JobTypeJobFacet" },
} as const;

/** The core schema under the addresses by which facets of several years refer to it. */
const CORES = ["1-0-1", "1-0-2", "1-0-3", "2-0-2"].map((version) => {
  const text = JSON.stringify(read("OpenLineage")).replaceAll("#/definitions/", "#/$defs/");
  const { definitions, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return { $id: `https://openlineage.io/spec/${version}/OpenLineage.json`, $defs: definitions, ...rest };
});

const ajv = new Ajv2020({ strict: false, allErrors: true, schemas: CORES });
formats.default(ajv);
const isRunEvent = ajv.getSchema("https://openlineage.io/spec/2-0-2/OpenLineage.json");
const schemas = new Map(
  Object.values(FACETS)
    .flatMap((names) => Object.values(names) as string[])
    .map((name) => [name, ajv.compile(read(name))]),
);

/** What is wrong with an OpenLineage event, by the published JSON Schemas of events and facets; empty if nothing is. */
export function lineageFaults(event: unknown): readonly string[] {
  const faults: string[] = [];
  if (isRunEvent?.(event) !== true) faults.push(ajv.errorsText(isRunEvent?.errors));
  const { schemaURL, run, job } = event as Record<string, unknown> &
    Record<"run" | "job", { facets?: object }>;
  if (typeof schemaURL !== "string" || !URL.canParse(schemaURL)) faults.push("2-0-2 requires a schemaURL");
  for (const [entity, { facets = {} }] of [
    ["run", run],
    ["job", job],
  ] as const) {
    for (const [key, facet] of Object.entries(facets)) {
      const name = (FACETS[entity] as Record<string, string>)[key] ?? "";
      const isFacet = schemas.get(name);
      if (isFacet === undefined) faults.push(`there is no schema for the facet ${key}`);
      else if (isFacet({ [key]: facet }) !== true) faults.push(`${key}: ${ajv.errorsText(isFacet.errors)}`);
    }
  }
  return faults;
}

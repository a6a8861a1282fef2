import { resolve } from "node:path";
import { parse } from "yaml";
import { SluiceError } from "../../model/errors.ts";
import { readSmallFile } from "../../options/small-file.ts";
import type { Options } from "./options.ts";
import { findUnsafe } from "./safety.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What a `template` file brings: parts of a Job, under what sluice itself sets. */
export interface Template {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly podAnnotations: Readonly<Record<string, string>>;
  /** The pod's spec. */
  readonly spec: Fields;
}

/** The one container of a template that is the run's, unless it has no container of this name: then its first. */
export const MAIN = "main";

const NO_TEMPLATE: Template = { labels: {}, annotations: {}, podLabels: {}, podAnnotations: {}, spec: {} };
/** Bytes of the largest template. */
const TEMPLATE_LIMIT = 1_000_000;
/** Of a Job's spec, sluice sets all but this. */
const JOB_KEYS: ReadonlySet<string> = new Set(["template"]);
/** Set by sluice for each run. */
const OURS = ["restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds"];

/**
 * Reads and checks a template.
 *
 * @throws SluiceError INVALID_OPTIONS, with the path of what is refused
 */
export function readTemplate(
  options: Pick<Options, "template" | "unsafe" | "image">,
  directory: string,
): Template {
  const { template: file, unsafe, image } = options;
  if (file === undefined) return NO_TEMPLATE;
  const refuse = (message: string, cause?: unknown): SluiceError =>
    new SluiceError("INVALID_OPTIONS", `the template ${JSON.stringify(file)} ${message}`, { cause });
  const job = load(resolve(directory, file), refuse);
  if (job["kind"] !== "Job" || job["apiVersion"] !== "batch/v1") {
    throw refuse("must be a Job: kind: Job, apiVersion: batch/v1");
  }
  const jobSpec = fields(job["spec"]);
  const alien = Object.keys(jobSpec).find((key) => !JOB_KEYS.has(key));
  if (alien !== undefined)
    throw refuse(`has spec.${alien}, which sluice sets itself; it may have spec.template only`);
  const pod = fields(jobSpec["template"]);
  const spec = fields(pod["spec"]);
  const ours = OURS.find((key) => key in spec);
  if (ours !== undefined) throw refuse(`has spec.template.spec.${ours}, which sluice sets itself`);
  const containers = spec["containers"];
  if (containers !== undefined && (!Array.isArray(containers) || containers.length === 0)) {
    throw refuse("has no container in spec.template.spec.containers; leave that out, or list one");
  }
  if (image === undefined && mainContainer(spec)["image"] === undefined) {
    throw refuse("names no image, and neither does the option image");
  }
  const [unsafeSetting] = unsafe ? [] : findUnsafe(spec);
  if (unsafeSetting !== undefined) {
    const { path, why } = unsafeSetting;
    throw refuse(`has spec.template.spec.${path}, which ${why}; if that is meant, say unsafe = true`);
  }
  return {
    ...labelsOf(fields(job["metadata"]), "metadata", refuse),
    ...podPrefix(labelsOf(fields(pod["metadata"]), "spec.template.metadata", refuse)),
    spec,
  };
}

export function mainContainer(spec: Fields): Fields {
  const containers = Array.isArray(spec["containers"]) ? spec["containers"].map(fields) : [];
  return containers.find((container) => container["name"] === MAIN) ?? containers[0] ?? {};
}

type Refuse = (message: string, cause?: unknown) => SluiceError;

function load(path: string, refuse: Refuse): Fields {
  let text: string;
  try {
    text = readSmallFile(path, TEMPLATE_LIMIT).toString("utf8");
  } catch (cause) {
    throw refuse(`cannot be read: ${(cause as Error).message}`, cause);
  }
  try {
    // No aliases beyond a few: a bomb of them would fill the memory.
    return fields(parse(text, { maxAliasCount: 100 }));
  } catch (cause) {
    throw refuse(`is neither YAML nor JSON: ${(cause as Error).message}`, cause);
  }
}

function labelsOf(metadata: Fields, path: string, refuse: Refuse): Pick<Template, "labels" | "annotations"> {
  const alien = Object.keys(metadata).find(
    (key) => key !== "labels" && key !== "annotations" && key !== "name",
  );
  if (alien !== undefined) throw refuse(`has ${path}.${alien}; it may have labels and annotations`);
  for (const kind of ["labels", "annotations"]) {
    for (const [key, value] of Object.entries(fields(metadata[kind]))) {
      if (typeof value !== "string")
        throw refuse(`has ${path}.${kind}.${key}, which is no text: put it in quotes`);
      if (key.startsWith("sluice.")) throw refuse(`has ${path}.${kind}.${key}, which sluice sets itself`);
    }
  }
  const of = (kind: string): Readonly<Record<string, string>> =>
    fields(metadata[kind]) as Record<string, string>;
  return { labels: of("labels"), annotations: of("annotations") };
}

function podPrefix({
  labels,
  annotations,
}: Pick<Template, "labels" | "annotations">): Pick<Template, "podLabels" | "podAnnotations"> {
  return { podLabels: labels, podAnnotations: annotations };
}

export function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

import { SluiceError, type ErrorCode } from "./errors.ts";
import type { Input, InputLag, InputSettings, Process, ProcessSettings, SurveyContext } from "./component.ts";
import type { AuditReport, AuditRequest, BackfillReport, BackfillRequest } from "./survey.ts";
import { didYouMean } from "./suggest.ts";

/** The slice of Standard Schema (https://standardschema.dev, version 1) that is called; zod schemas fit. */
export interface OptionsSchema<In, Out> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

type SchemaResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/** What a component is made in. */
export interface Surroundings {
  /** The folder that relative paths start from: the config file's, or the working directory. */
  readonly directory: string;
}

/** What a check looks from. */
export interface CheckSurroundings extends Surroundings {
  /** Whose component it is, where that is known: what it owns outside is named after it. */
  readonly owner?: { readonly name: string; readonly pipeline: string };
}

/** What a check found where nothing keeps the component from working. */
export interface CheckReport {
  /** How far the input is behind, even if it does not run. */
  readonly lag?: InputLag;
  readonly notes?: readonly CheckNote[];
}

export interface CheckNote {
  readonly message: string;
  /** What to do about it now; absent if it may be meant so. */
  readonly cure?: string;
}

export interface OptionWarning {
  readonly code: ErrorCode;
  /** Where in the options, by its keys in code. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

interface KindBase<In, Out> {
  /** As in `type = "…"` of a config file. */
  readonly type: string;
  /** One sentence for the reference page and the editor. */
  readonly summary: string;
  /** A strict object; keys in camelCase (snake_case in config files). */
  readonly options: OptionsSchema<In, Out>;
  /** Options whose values are never shown. */
  readonly secrets?: readonly string[];
  /** Whether whoever can add one can run code of their own: never brought in through the API. */
  readonly runsCode?: boolean;
  /**
   * What it takes from this machine, such as files and passwords that its options only point to, for "which …"; asked
   * with a component's own fields as a config file spells them, unchecked. What does is never brought in through the API.
   */
  readonly readsLocal?: (fields: Readonly<Record<string, unknown>>) => string | undefined;
  /**
   * Loads the client of an outside system, an optional peer of this package, so that one that is not installed is told
   * of before anything is started. Throws MISSING_DEPENDENCY.
   */
  readonly load?: () => Promise<unknown>;
  /** Files that it is made of, such as a module: with another content it is another component. */
  readonly files?: (options: Out, surroundings: Surroundings) => readonly string[];
  /** Files that those import, which stay as they were loaded first for as long as this process lives. */
  readonly imports?: (options: Out, surroundings: Surroundings) => readonly string[];
  /** What is allowed and better not done, each with the option that says it and what to do instead. */
  readonly warnings?: (options: Out) => readonly OptionWarning[];
  /**
   * Looks whether the outside is as it must be (`doctor`, `validate --connect`). Throws what is wrong, with
   * `details.cure` if what to do about it is not what the code says; answers what else is worth knowing.
   */
  readonly check?: (options: Out, surroundings: CheckSurroundings) => Promise<CheckReport | void>;
  /** Removes what it left outside. */
  readonly uninstall?: (options: Out, owner: { name: string; pipeline: string }) => Promise<void>;
}

export interface InputKindSpec<In, Out, Data> extends KindBase<In, Out> {
  readonly create: (name: string, options: Out, surroundings: Surroundings) => Input<Data>;
  /** Emits what is in the source already (`sluice backfill`). */
  readonly backfill?: (
    options: Out,
    context: SurveyContext<Data>,
    request: BackfillRequest,
  ) => Promise<BackfillReport>;
  /** Compares the source with what the journal has seen (`sluice audit`). */
  readonly audit?: (
    options: Out,
    context: SurveyContext<Data>,
    request: AuditRequest,
  ) => Promise<AuditReport>;
}

export interface ProcessKindSpec<In, Out, Data> extends KindBase<In, Out> {
  readonly create: (name: string, options: Out, surroundings: Surroundings) => Process<Data>;
}

/** A kind of input: call it to make one in code; the registry reads its specification. */
export interface InputKind<In, Out, Data> extends InputKindSpec<In, Out, Data> {
  readonly role: "input";
  <D = Data>(options: { readonly name: string } & In & InputSettings): Input<D>;
}

/** A kind of process: call it to make one in code; the registry reads its specification. */
export interface ProcessKind<In, Out, Data> extends ProcessKindSpec<In, Out, Data> {
  readonly role: "process";
  <D = Data>(
    options: {
      readonly name: string;
      readonly reads?: readonly string[];
      readonly writes?: readonly string[];
    } & In &
      ProcessSettings,
  ): Process<D>;
}

/** Keys that every component has, so that no kind may use them for an option of its own. */
export const INPUT_KEYS = ["name", "operations", "expectEvery", "enabled", "labels"] as const;
export const PROCESS_KEYS = [
  "name",
  "reads",
  "writes",
  "concurrency",
  "timeout",
  "grace",
  "retry",
  "order",
  "onDead",
  "rate",
  "enabled",
  "labels",
] as const;

export function defineInput<In, Out, Data>(spec: InputKindSpec<In, Out, Data>): InputKind<In, Out, Data> {
  const make = (flat: Record<string, unknown>): Input<Data> => {
    const { name, common, own } = split(flat, INPUT_KEYS);
    const options = checkOptions(spec, own, name);
    const input = createInput(spec, name, options, { directory: process.cwd() });
    return withSettings(input, { ...input.settings, ...(common as InputSettings) });
  };
  return Object.assign(make, spec, { role: "input" as const }) as unknown as InputKind<In, Out, Data>;
}

/** Makes an input of a kind, with the surveys that the kind offers. */
export function createInput<Out, Data>(
  spec: Pick<InputKindSpec<never, Out, Data>, "create" | "backfill" | "audit">,
  name: string,
  options: Out,
  surroundings: Surroundings,
): Input<Data> {
  const { backfill, audit } = spec;
  const input = spec.create(name, options, surroundings);
  if (backfill !== undefined) input.backfill = (context, request) => backfill(options, context, request);
  if (audit !== undefined) input.audit = (context, request) => audit(options, context, request);
  return input;
}

export function defineProcess<In, Out, Data>(
  spec: ProcessKindSpec<In, Out, Data>,
): ProcessKind<In, Out, Data> {
  const make = (flat: Record<string, unknown>): Process<Data> => {
    const { name, common, own } = split(flat, PROCESS_KEYS);
    const options = checkOptions(spec, own, name);
    const { reads, writes, ...settings } = common as ProcessSettings & {
      reads?: string[];
      writes?: string[];
    };
    const made = spec.create(name, options, { directory: process.cwd() });
    const datasets = { ...(reads && { reads }), ...(writes && { writes }) };
    return Object.assign(withSettings(made, { ...made.settings, ...settings }), datasets);
  };
  return Object.assign(make, spec, { role: "process" as const }) as unknown as ProcessKind<In, Out, Data>;
}

/**
 * Checks the options of one component and fills in their defaults.
 *
 * @throws SluiceError INVALID_OPTIONS; `details.path` is the path of the first wrong option.
 */
export function checkOptions<In, Out>(
  spec: Pick<KindBase<In, Out>, "type" | "options">,
  options: unknown,
  name: string,
): Out {
  const result = spec.options["~standard"].validate(options);
  if (result instanceof Promise) {
    throw new SluiceError("INVALID_OPTIONS", `the options of kind "${spec.type}" are checked asynchronously`);
  }
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  const where = path.length === 0 ? "" : ` (${path.join(".")})`;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${spec.type} "${name}"${where}: ${explain(issue, spec.options)}`,
    {
      details: { path, issues: result.issues },
    },
  );
}

/** What is wrong, in words of ours where zod tells enough of it. */
function explain(issue: { readonly message: string } | undefined, schema: object): string {
  const {
    message = "they are refused",
    code,
    keys,
  } = (issue ?? {}) as {
    readonly message?: string;
    readonly code?: string;
    readonly keys?: readonly string[];
  };
  const unknown = code === "unrecognized_keys" ? keys?.[0] : undefined;
  if (unknown !== undefined) {
    const { shape } = schema as { readonly shape?: object };
    return `there is no option ${JSON.stringify(unknown)}${didYouMean(unknown, Object.keys(shape ?? {}))}`;
  }
  return message.endsWith("received undefined") ? "it is missing" : message;
}

function split(
  flat: Record<string, unknown>,
  keys: readonly string[],
): { name: string; common: Record<string, unknown>; own: Record<string, unknown> } {
  const common: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(flat)) {
    if (key === "name") continue;
    (keys.includes(key) ? common : own)[key] = value;
  }
  return { name: String(flat["name"]), common, own };
}

function withSettings<C extends object, S>(component: C, settings: S): C & { settings: S } {
  return Object.assign(component, { settings });
}

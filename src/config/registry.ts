import type { Input, Process, SurveyContext } from "../model/component.ts";
import type { AuditReport, AuditRequest, BackfillReport, BackfillRequest } from "../model/survey.ts";
import type {
  CheckReport,
  CheckSurroundings,
  OptionsSchema,
  OptionWarning,
  Surroundings,
} from "../model/kind.ts";

interface AnyKindBase {
  readonly type: string;
  readonly summary: string;
  readonly options: OptionsSchema<unknown, unknown>;
  readonly secrets?: readonly string[];
  readonly runsCode?: boolean;
  readonly readsLocal?: (fields: Readonly<Record<string, unknown>>) => string | undefined;
  readonly load?: () => Promise<unknown>;
  readonly files?: (options: never, surroundings: Surroundings) => readonly string[];
  readonly imports?: (options: never, surroundings: Surroundings) => readonly string[];
  readonly warnings?: (options: never) => readonly OptionWarning[];
  readonly check?: (options: never, surroundings: CheckSurroundings) => Promise<CheckReport | void>;
  readonly uninstall?: (options: never, owner: { name: string; pipeline: string }) => Promise<void>;
}

/** A kind of input, whatever its options: what `defineInput` answers fits. */
export interface AnyInputKind extends AnyKindBase {
  readonly role: "input";
  readonly create: (name: string, options: never, surroundings: Surroundings) => Input;
  readonly backfill?: (
    options: never,
    context: SurveyContext,
    request: BackfillRequest,
  ) => Promise<BackfillReport>;
  readonly audit?: (options: never, context: SurveyContext, request: AuditRequest) => Promise<AuditReport>;
}

/** A kind of process, whatever its options: what `defineProcess` answers fits. */
export interface AnyProcessKind extends AnyKindBase {
  readonly role: "process";
  readonly create: (name: string, options: never, surroundings: Surroundings) => Process;
}

export type AnyKind = AnyInputKind | AnyProcessKind;
export type Role = AnyKind["role"];

/** Kinds by the `type` that config files give them; each is loaded when a pipeline has one of it. */
export interface KindTable {
  readonly inputs: Readonly<Record<string, () => Promise<AnyInputKind>>>;
  readonly processes: Readonly<Record<string, () => Promise<AnyProcessKind>>>;
}

/** The kinds that a config file may name. */
export interface Registry {
  types(role: Role): readonly string[];
  /** `undefined` if there is no such kind. */
  load(role: "input", type: string): Promise<AnyInputKind | undefined>;
  load(role: "process", type: string): Promise<AnyProcessKind | undefined>;
  load(role: Role, type: string): Promise<AnyKind | undefined>;
}

/** Joins tables of kinds; a later one may replace a type of an earlier one. */
export function createRegistry(...tables: readonly KindTable[]): Registry {
  const loaders = {
    input: new Map<string, () => Promise<AnyKind>>(tables.flatMap((table) => Object.entries(table.inputs))),
    process: new Map<string, () => Promise<AnyKind>>(
      tables.flatMap((table) => Object.entries(table.processes)),
    ),
  };
  return {
    types: (role) => [...loaders[role].keys()],
    load: async (role: Role, type: string) => (await loaders[role].get(type)?.()) as never,
  };
}

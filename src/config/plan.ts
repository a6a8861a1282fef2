import { isSame } from "./same.ts";
import type { LinkSpec } from "../topology/types.ts";
import { MASK } from "../model/mask.ts";
import type { OptionChange, PlannedChange } from "../model/pipeline-plan.ts";
import type { Pipeline, PipelineInput, PipelineProcess } from "./pipeline.ts";
import { TOP, type Fields } from "./schema.ts";

type Component = PipelineInput | PipelineProcess;

/** What tells one pipeline from another, as far as a running one can become the other. */
export interface Difference {
  readonly changes: readonly PlannedChange[];
  /** Added or changed. */
  readonly inputs: readonly PipelineInput[];
  readonly processes: readonly PipelineProcess[];
  /** Names of inputs and processes that are gone. A name that has another role now is both here and above. */
  readonly removed: readonly string[];
}

/** Compares two pipelines. Secrets are compared, but shown as `***`. */
export function compare(current: Pipeline, next: Pipeline): Difference {
  const inputs = compareComponents(current.inputs, next.inputs);
  const processes = compareComponents(current.processes, next.processes);
  return {
    changes: [...inputs.changes, ...processes.changes, ...compareLinks(current.links, next.links)],
    inputs: inputs.renewed,
    processes: processes.renewed,
    removed: [...inputs.removed, ...processes.removed],
  };
}

/** Keys at the top that say something else than what runs. What is not said changes nothing. */
export function compareTops(current: Pipeline, next: Pipeline): readonly string[] {
  const [before, after] = [current, next].map(({ document }) => document?.tree ?? {}) as [Fields, Fields];
  return Object.keys(TOP).filter((key) => {
    return key !== "connections" && key in after && !isSame(before[key], after[key]);
  });
}

function compareComponents<C extends Component>(
  before: readonly C[],
  after: readonly C[],
): { readonly changes: PlannedChange[]; readonly renewed: C[]; readonly removed: string[] } {
  const old = new Map(before.map((component) => [component.name, component]));
  const names = new Set(after.map(({ name }) => name));
  const changes: PlannedChange[] = [];
  const renewed: C[] = [];
  for (const component of after) {
    const former = old.get(component.name);
    const options = compareOptions(former, component);
    if (former !== undefined && options.length === 0) continue;
    changes.push(planned(former === undefined ? "add" : "change", component, options));
    renewed.push(component);
  }
  const removed = before.filter(({ name }) => !names.has(name));
  changes.push(
    ...removed.map((component) => planned("remove", component, compareOptions(component, undefined))),
  );
  return { changes, renewed, removed: removed.map(({ name }) => name) };
}

function planned(
  action: PlannedChange["action"],
  { role, name, type }: Component,
  options: readonly OptionChange[],
): PlannedChange {
  const restarts = role === "input" && action === "change";
  return { action, role, name, type, options, restarts, openRuns: 0, running: 0 };
}

/** Links have a difference of their own: what is said of them beside a component is no option of it. */
const NO_OPTIONS: ReadonlySet<string> = new Set(["name", "on"]);

function compareOptions(
  before: Component | undefined,
  after: Component | undefined,
): readonly OptionChange[] {
  const keys = new Set([...Object.keys(before?.fields ?? {}), ...Object.keys(after?.fields ?? {})]);
  return [...keys]
    .filter((key) => !NO_OPTIONS.has(key) && !isSame(before?.fields[key], after?.fields[key]))
    .map((option) => ({ option, before: shown(before, option), after: shown(after, option) }));
}

/** What a connection adds stands in no file of the component: it is as secret as the connection. */
function shown(component: Component | undefined, option: string): unknown {
  if (component === undefined || !Object.hasOwn(component.fields, option)) return null;
  if (option === "files") return component.fields[option];
  return Object.hasOwn(component.masked, option) ? component.masked[option] : MASK;
}

function compareLinks(before: readonly LinkSpec[], after: readonly LinkSpec[]): readonly PlannedChange[] {
  const old = new Map(before.map((link) => [nameOf(link), link]));
  const names = new Set(after.map(nameOf));
  const changed = after.flatMap((link) => {
    const former = old.get(nameOf(link));
    const options = conditions(former, link);
    if (former !== undefined && options.length === 0) return [];
    return [plannedLink(former === undefined ? "add" : "change", nameOf(link), options)];
  });
  const removed = before.filter((link) => !names.has(nameOf(link)));
  return [
    ...changed,
    ...removed.map((link) => plannedLink("remove", nameOf(link), conditions(link, undefined))),
  ];
}

function plannedLink(
  action: PlannedChange["action"],
  name: string,
  options: readonly OptionChange[],
): PlannedChange {
  return { action, role: "link", name, type: null, options, restarts: false, openRuns: 0, running: 0 };
}

function conditions(before: LinkSpec | undefined, after: LinkSpec | undefined): readonly OptionChange[] {
  return (["operations", "locations", "when", "loop"] as const)
    .map((option) => ({ option, before: before?.[option] ?? null, after: after?.[option] ?? null }))
    .filter((change) => !isSame(change.before, change.after));
}

function nameOf({ from, to }: LinkSpec): string {
  return `${from} → ${to}`;
}

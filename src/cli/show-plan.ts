import type { OptionChange, PipelinePlan, PlannedChange } from "../model/pipeline-plan.ts";
import { colours, hint, print } from "./output.ts";
import { harmless, plural } from "./text.ts";

const SIGNS = { add: "+", remove: "-", change: "~" } as const;
const PAINTS = { add: colours.green, remove: colours.red, change: colours.yellow } as const;

/** Prints what an apply would do, or did. */
export function showPlan(plan: PipelinePlan): void {
  if (plan.changes.length === 0) print("nothing changes");
  for (const change of plan.changes) showChange(change);
  for (const key of plan.atStart) hint(`${key} is read at the next start only`);
  for (const warning of plan.warnings) hint(`${harmless(warning)} (a warning)`);
}

function showChange(change: PlannedChange): void {
  const { action, role, name, type, options } = change;
  const what = `${SIGNS[action]} ${role} ${harmless(name)}${type === null ? "" : ` (${harmless(type)})`}`;
  print(PAINTS[action](`${what}${noteOf(change)}`));
  if (action === "remove") return;
  for (const option of options) if (option.option !== "type") print(`    ${optionLine(option)}`);
}

function noteOf({ action, restarts, openRuns, running }: PlannedChange): string {
  if (restarts) return ": it is ended and started anew";
  if (openRuns === 0) return "";
  const runs = `${plural(openRuns, "open run")}, ${running} of them running`;
  return action === "remove" ? `: ${runs}` : `: ${runs}, which end as they began; the others run the new one`;
}

function optionLine({ option, before, after }: OptionChange): string {
  if (before === null) return `${harmless(option)} = ${textOf(after)}`;
  if (after === null) return `${harmless(option)} is left away (it was ${textOf(before)})`;
  return `${harmless(option)}: ${textOf(before)} → ${textOf(after)}`;
}

function textOf(value: unknown): string {
  return harmless(JSON.stringify(value));
}

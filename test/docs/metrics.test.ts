import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import type { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createMetrics, type Metrics } from "../../src/observe/metrics.ts";
import { startPipeline } from "../support/api.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

let orchestrator: Orchestrator;
let metrics: Metrics;
beforeAll(async () => {
  orchestrator = await startPipeline();
  metrics = createMetrics(orchestrator, { node: false });
});
afterAll(async () => {
  metrics.close();
  await orchestrator.stop({ grace: 0 });
});

/** Names that an expression uses, without what a histogram appends. */
function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/\bsluice_[a-z_]+/g)].map(([name]) => name.replace(/_(?:bucket|sum|count)$/, ""));
}

test("the reference lists every metric with its type, its labels and what it is", async () => {
  const described = await metrics.registry.getMetricsAsJSON();
  const rows = [
    ...read("docs/reference/metrics.md").matchAll(/^\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\| (.+) \|$/gm),
  ];
  expect(rows.map(([, name, type, , help]) => [name, type, help])).toEqual(
    described.map(({ name, type, help }: { name: string; type: unknown; help: string }) => [
      name,
      type,
      `${help.charAt(0).toLowerCase()}${help.slice(1).replace(/\.$/, "")}`,
    ]),
  );
});

test("alert rules and the dashboard name only metrics that there are", () => {
  const known = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
  const rules = (parse(read("examples/observability/alerts.yml")) as { groups: { rules: Rule[] }[] }).groups;
  const dashboard = JSON.parse(read("examples/observability/dashboard.json")) as Dashboard;
  const expressions = [
    ...rules.flatMap((group) => group.rules.map((rule) => rule.expr)),
    ...dashboard.panels.flatMap((panel) => panel.targets.map((target) => target.expr)),
    ...dashboard.templating.list.map((variable) => variable.query),
  ];
  const used = new Set(expressions.flatMap(namesIn));
  expect(used.size).toBeGreaterThan(15);
  for (const name of used) expect(known).toContain(name);
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
}

test("every alert says how bad it is, what happened and what to do", () => {
  const { groups } = parse(read("examples/observability/alerts.yml")) as { groups: { rules: Rule[] }[] };
  for (const { alert, labels, annotations } of groups.flatMap((group) => group.rules)) {
    expect(alert).toMatch(/^Sluice[A-Z]/);
    expect(["warning", "critical"]).toContain(labels.severity);
    expect(annotations.summary.length).toBeGreaterThan(10);
    expect(annotations.description.length).toBeGreaterThan(10);
  }
});

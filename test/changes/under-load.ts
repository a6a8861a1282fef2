import { setImmediate as turn } from "node:timers/promises";
import { isSluiceError } from "../../src/model/errors.ts";
import type { RunRow } from "../../src/model/run.ts";
import { openShop, type Shop } from "./shop.ts";

const TEXT = `name = "shop"
journal = "sqlite:journal.db"
grace = "2s"
[[input]]
name = "orders"
type = "feed"
[[process]]
name = "stays"
type = "work"
tag = "same"
on = "orders"
[[process]]
name = "varies"
type = "work"
tag = "t0"
on = "orders"
`;

/** Makes a module that says which it is. */
const moduleText = (tag: string): string =>
  `export default (_, { log }) => { log(${JSON.stringify(tag)}); return new Promise(setImmediate); };`;

export interface LoadReport {
  readonly acknowledged: readonly string[];
  readonly applied: number;
  readonly refused: number;
  /** What does not hold; empty if all does. */
  readonly broken: readonly string[];
}

/** Steps of every kind; each answers whether it was applied. `n` tells them apart. */
const STEPS: readonly ((shop: Shop, n: number) => Promise<unknown>)[] = [
  ({ apply }, n) => apply({ edit: process("varies", { tag: `t${n}`, on: "orders" }) }),
  ({ apply }, n) =>
    apply({ edit: process("varies", { tag: `t${n}`, concurrency: 2, turns: 3, on: "orders" }) }),
  ({ apply }, n) => apply({ edit: process("comes", { tag: `c${n}`, turns: 4, on: "orders" }) }),
  ({ apply }, n) => apply({ edit: { put: "input", name: "second", fields: { type: "feed", tag: `i${n}` } } }),
  ({ apply }) => apply({ edit: { put: "link", fields: { from: "second", to: "varies" } } }),
  refused(({ apply }) => apply({ edit: process("varies", { tag: "broken", broken: true, on: "orders" }) })),
  ({ apply }, n) => apply({ edit: { put: "input", name: "second", fields: { type: "feed", tag: `j${n}` } } }),
  ({ apply }) => apply({ edit: { remove: "process", name: "comes" } }, { open: "drain" }),
  async ({ apply, write }, n) => {
    await write("module.ts", moduleText(`m${n}`));
    return apply({
      edit: {
        put: "process",
        name: "module",
        fields: { type: "function", module: "./module.ts", on: "orders" },
      },
    });
  },
  refused(({ apply }) => apply({ edit: { put: "link", fields: { from: "varies", to: "nowhere" } } })),
  ({ apply }, n) =>
    apply({ edit: process("leaves", { tag: `l${n}`, turns: 30, concurrency: 1, on: "orders" }) }),
  refused(async ({ apply, write }) => {
    await write("module.ts", "export default 7;");
    await apply({ edit: process("varies", { tag: "never", on: "orders" }) });
  }),
  async ({ apply, write }, n) => {
    await write("module.ts", moduleText(`n${n}`));
    return apply({ edit: process("stays-too", { tag: `s${n}`, on: ["orders"] }) });
  },
  ({ apply }) => apply({ edit: { remove: "process", name: "leaves" } }, { open: "cancel" }),
  ({ apply }) => apply({ edit: { remove: "input", name: "second" } }),
  ({ apply }) => apply({ edit: { remove: "process", name: "stays-too" } }, { open: "drain" }),
  ({ apply }) => apply({ rollback: null }, { open: "drain" }),
  ({ apply }) => apply({ edit: { remove: "process", name: "stays-too" } }, { open: "cancel" }),
];

function process(
  name: string,
  fields: object,
): { put: "process"; name: string; fields: Record<string, unknown> } {
  return { put: "process", name, fields: { type: "work", ...fields } };
}

function refused(step: (shop: Shop) => Promise<unknown>): (shop: Shop) => Promise<unknown> {
  return async (shop) => {
    try {
      await step(shop);
    } catch (error) {
      if (isSluiceError(error)) return undefined;
      throw error;
    }
    throw new Error("an apply that must fail did not");
  };
}

/** Changes a pipeline again and again while events flow, then looks whether anything was lost, doubled or mixed. */
export async function changeUnderLoad(applies: number, events: number): Promise<LoadReport> {
  await using shop = await openShop(TEXT);
  const { orchestrator, ledger } = shop;
  const acknowledged: string[] = [];
  let isLoading = true;
  const load = Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; isLoading || acknowledged.length < events; i += 1) {
      acknowledged.push((await orchestrator.emit("orders", { id: `${lane}-${i}` })).uid);
      await turn();
    }
  });
  let applied = 0;
  let failed = 0;
  for (let n = 0; n < applies; n += 1) {
    const step = STEPS[n % STEPS.length] as (typeof STEPS)[number];
    const answer = await step(shop, n);
    if (answer === undefined) failed += 1;
    else applied += 1;
    const goal = (acknowledged.length + events / applies) | 0;
    while (acknowledged.length < goal) await turn();
  }
  isLoading = false;
  await Promise.all(load);
  await orchestrator.idle();
  const broken = [...(await faultsOfRuns(shop, acknowledged)), ...faultsOfComponents(shop)];
  for (const [run, times] of ledger.done) if (times !== 1) broken.push(`${run} was done ${times} times`);
  broken.push(...shop.errors.map((error) => `an error nobody awaited: ${String(error)}`));
  return { acknowledged, applied, refused: failed, broken };
}

async function faultsOfRuns(shop: Shop, acknowledged: readonly string[]): Promise<string[]> {
  const { orchestrator, ledger } = shop;
  const faults: string[] = [];
  const tags = await tagsOfVersions(shop);
  for (const uid of acknowledged) {
    const journey = await orchestrator.history.journey(uid);
    if (journey === undefined) faults.push(`event ${uid} is lost`);
    for (const name of ["stays", "varies"]) {
      const run = journey?.runs.find(({ process: owner }) => owner === name);
      if (run?.state !== "succeeded") faults.push(`${uid}/${name} is ${run?.state ?? "not there"}`);
    }
    for (const run of journey?.runs ?? []) faults.push(...(await faultsOfRun(shop, run, tags)));
  }
  const known = new Set(acknowledged);
  for (const run of ledger.done.keys()) {
    if (!known.has(run.slice(0, run.indexOf("/")))) faults.push(`${run} was done of an event that is not`);
  }
  return faults;
}

/** Each attempt did what its process was in the version that it recorded. */
async function faultsOfRun(shop: Shop, run: RunRow, tags: Tags): Promise<string[]> {
  const { orchestrator, ledger } = shop;
  if (run.state !== "succeeded" && run.state !== "cancelled") return [`${run.id} is ${run.state}`];
  const faults: string[] = [];
  for (const { attempt, version, outcome } of await orchestrator.history.attempts(run.id)) {
    if (run.process === "module" || outcome !== "succeeded") continue;
    const said = tags.get(version)?.get(run.process);
    const did = ledger.attempts.get(`${run.id}#${attempt}`);
    if (said !== did) faults.push(`${run.id} ran "${did}" under version ${version}, which has "${said}"`);
  }
  const wasDone = run.process === "module" || ledger.done.has(run.id);
  if (run.state === "succeeded" && !wasDone) faults.push(`${run.id} has succeeded, but was not done`);
  return faults;
}

type Tags = ReadonlyMap<number, ReadonlyMap<string, string>>;

async function tagsOfVersions({ changes }: Shop): Promise<Tags> {
  const tags = new Map<number, ReadonlyMap<string, string>>();
  for (const { version } of changes.versions()) {
    const { config } = await changes.versionOf(version);
    const { process: list } = config as { process: readonly { name: string; tag?: string }[] };
    tags.set(version, new Map(list.map(({ name, tag = "" }) => [name, tag])));
  }
  return tags;
}

/** What never changed was never started anew, and never ended. */
function faultsOfComponents({ ledger }: Shop): string[] {
  const count = (list: readonly string[], one: string): number =>
    list.filter((other) => other === one).length;
  const faults: string[] = [];
  for (const one of ["orders:", "stays:same"]) {
    if (count(ledger.started, one) !== 1)
      faults.push(`${one} was started ${count(ledger.started, one)} times`);
    if (ledger.ended.includes(one)) faults.push(`${one} was ended`);
  }
  return faults;
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { z } from "zod";
import { assemble } from "../../src/config/assemble.ts";
import { PipelineChanges } from "../../src/config/changes.ts";
import { loadPipeline } from "../../src/config/load.ts";
import { Secrets } from "../../src/config/references.ts";
import { createRegistry, type Registry } from "../../src/config/registry.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { functionProcess } from "../../src/processes/function/index.ts";
import { journalFrom } from "../../src/journal/open.ts";
import { untilAborted } from "../../src/model/clock.ts";
import { defineInput, defineProcess } from "../../src/model/kind.ts";
import type { PipelinePlan, ApplyOptions, Proposal } from "../../src/model/pipeline-plan.ts";

/** What components did, in the order in which they did it. */
export interface Ledger {
  /** `name:tag` of inputs and processes. */
  readonly started: string[];
  readonly ended: string[];
  /** Runs that were begun: `id#attempt`, and the tag of the process that began it. */
  readonly attempts: Map<string, string>;
  /** How often each run was done. */
  readonly done: Map<string, number>;
  /** What lets runs of a `held` process go on. */
  readonly held: (() => void)[];
}

/** Kinds that write down what they do. */
export function createKinds(ledger: Ledger): Registry {
  const feed = defineInput({
    type: "feed",
    summary: "Emits what the test says.",
    options: z.strictObject({ tag: z.string().default(""), broken: z.boolean().default(false) }),
    async check({ broken }) {
      if (broken) throw new Error("the source is not there");
    },
    create: (name, { tag }) => ({
      name,
      type: "feed",
      async handle({ signal }) {
        ledger.started.push(`${name}:${tag}`);
        await untilAborted(signal);
        ledger.ended.push(`${name}:${tag}`);
      },
    }),
  });
  const work = defineProcess({
    type: "work",
    summary: "Writes down what it does.",
    options: z.strictObject({
      tag: z.string().default(""),
      turns: z.int().default(1),
      broken: z.boolean().default(false),
      never: z.boolean().default(false),
      held: z.boolean().default(false),
    }),
    create: (name, { tag, turns, broken, never, held }) => ({
      name,
      type: "work",
      async open() {
        if (broken) throw new Error("the target is not there");
        ledger.started.push(`${name}:${tag}`);
      },
      async close() {
        ledger.ended.push(`${name}:${tag}`);
      },
      async run(_event, { run, attempt, signal }) {
        ledger.attempts.set(`${run.id}#${attempt}`, tag);
        if (never) await untilAborted(signal);
        if (held) await new Promise<void>((resolve) => ledger.held.push(resolve));
        signal.throwIfAborted();
        for (let i = 0; i < turns; i += 1) await turn();
        ledger.done.set(run.id, (ledger.done.get(run.id) ?? 0) + 1);
      },
    }),
  });
  return createRegistry({
    inputs: { feed: async () => feed },
    processes: { work: async () => work, function: async () => functionProcess },
  });
}

export interface Shop extends AsyncDisposable {
  readonly orchestrator: Orchestrator;
  readonly changes: PipelineChanges;
  readonly ledger: Ledger;
  readonly folder: string;
  readonly errors: unknown[];
  apply(proposal: Proposal | string, options?: Partial<ApplyOptions>): ReturnType<PipelineChanges["apply"]>;
  plan(proposal: Proposal | string): Promise<PipelinePlan>;
  write(file: string, text: string): Promise<void>;
}

export interface ShopPlace extends AsyncDisposable {
  readonly folder: string;
  write(file: string, text: string): Promise<void>;
}

export async function openPlace(): Promise<ShopPlace> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-changes-"));
  return {
    folder,
    write: (file, text) => writeFile(join(folder, file), text),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A pipeline over a journal on disk, run as `sluice run` does. */
export async function openShop(
  text: string,
  { folder, environment = {} }: { folder?: string; environment?: Readonly<Record<string, string>> } = {},
): Promise<Shop> {
  const place = folder === undefined ? await openPlace() : undefined;
  const home = folder ?? place?.folder ?? "";
  const file = join(home, "sluice.toml");
  await writeFile(file, text);
  const ledger: Ledger = { started: [], ended: [], attempts: new Map(), done: new Map(), held: [] };
  const registry = createKinds(ledger);
  const pipeline = await loadPipeline(file, { registry, environment });
  const secrets = new Secrets(pipeline.secrets);
  const orchestrator = assemble(pipeline, {
    create: ({ journal, retention, ...settings }) =>
      new Orchestrator({ ...settings, redact: secrets.redact, journal: journalFrom(journal, retention) }),
  });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  orchestrator.onError(onError);
  const changes = new PipelineChanges(orchestrator, { registry, environment, pipeline, secrets, onError });
  await orchestrator.start();
  await changes.begin();
  const toProposal = (given: Proposal | string): Proposal =>
    typeof given === "string" ? { text: given, format: "toml" } : given;
  return {
    orchestrator,
    changes,
    ledger,
    folder: home,
    errors,
    apply: (given, options = {}) =>
      changes.apply(toProposal(given), { by: "test", isOwner: true, ...options }),
    plan: (given) => changes.plan(toProposal(given), { isOwner: true }),
    write: (name, content) => writeFile(join(home, name), content),
    async [Symbol.asyncDispose]() {
      await orchestrator.stop({ grace: 1_000 });
      await place?.[Symbol.asyncDispose]();
    },
  };
}

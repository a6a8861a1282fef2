import type { Orchestrator } from "../engine/orchestrator.ts";
import { isSluiceError, SluiceError } from "../model/errors.ts";
import type {
  ApplyOptions,
  AppliedPlan,
  PipelinePlan,
  Proposal,
  VersionDetail,
  VersionRow,
} from "../model/pipeline-plan.ts";
import { checkAll } from "./check-all.ts";
import { describeEdit, editTree } from "./edit.ts";
import { formatIssue } from "./issue.ts";
import { parsePipeline, type LoadOptions } from "./load.ts";
import { LoadedImports } from "./loaded-imports.ts";
import { localOnly } from "./local-only.ts";
import { maskedView, revisionOf, type Pipeline } from "./pipeline.ts";
import { compare, compareTops, type Difference } from "./plan.ts";
import type { Secrets } from "./references.ts";
import type { Fields } from "./schema.ts";
import { parseSource } from "./source.ts";
import { withTopOf } from "./top-of.ts";
import { ownFile, VersionLog } from "./version-log.ts";
import type { Leaving, RecordedVersion, StoredText } from "./versions.ts";

export interface ChangesOptions extends LoadOptions {
  /** As it was loaded, and runs now. */
  readonly pipeline: Pipeline;
  /** Told of what must not be shown, before anything could show it. */
  readonly secrets: Secrets;
  /** Told of what goes wrong after an apply was answered. */
  readonly onError: (error: unknown) => void;
}

/** The versions of one running pipeline: what it is, what it would become, what it was. */
export class PipelineChanges {
  readonly #orchestrator: Orchestrator;
  readonly #options: ChangesOptions;
  readonly #log: VersionLog;
  readonly #imports = new LoadedImports();
  #current: Pipeline;
  #hasBegun = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(orchestrator: Orchestrator, options: ChangesOptions) {
    this.#orchestrator = orchestrator;
    this.#options = options;
    this.#log = new VersionLog(orchestrator);
    this.#current = options.pipeline;
    this.#imports.add(options.pipeline);
  }

  get managedBy(): Pipeline["managedBy"] {
    return this.#options.pipeline.managedBy;
  }

  get version(): number {
    return this.#orchestrator.version;
  }

  /** What runs, secrets masked. */
  config(): unknown {
    return maskedView(this.#current);
  }

  /**
   * To be called once the pipeline has started: records the version that it started with, and goes on with what was
   * being removed when it ended.
   */
  async begin(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#log.open();
      this.#hasBegun = true;
      const { document, processes } = this.#current;
      if (document === null) return;
      const isBack = ({ process }: Leaving): boolean => processes.some(({ name }) => name === process);
      const leaving = this.#log.leaving.filter((one) => !isBack(one));
      const isKnown = this.#log.versions[0]?.version === this.version;
      if (!isKnown || leaving.length < this.#log.leaving.length) {
        const row = isKnown ? undefined : { by: "start", how: "start" };
        await this.#log.write(this.#log.record(this.version, this.#current, row, leaving));
      }
      for (const one of leaving) await this.#resumeLeaving(one).catch(this.#options.onError);
    });
  }

  /** @throws SluiceError as `apply` does: what the network may not bring in, it may not have looked at either */
  async plan(proposal: Proposal, { isOwner }: Pick<ApplyOptions, "isOwner">): Promise<PipelinePlan> {
    return this.#exclusively(async () => {
      this.#expectBegun();
      const next = await this.#propose(proposal, isOwner);
      return this.#plan(next, compare(this.#current, next));
    });
  }

  /**
   * Makes the pipeline what is proposed, or leaves it wholly as it is.
   *
   * @throws SluiceError VERSION_CONFLICT, LOCAL_ONLY, OPEN_RUNS, what `configError` makes of an invalid text, and what
   * a component throws that cannot be opened
   */
  async apply(proposal: Proposal, options: ApplyOptions): Promise<AppliedPlan> {
    return this.#exclusively(async () => {
      this.#expectBegun();
      this.#checkVersion(options.ifVersion);
      const next = await this.#propose(proposal, options.isOwner);
      const difference = compare(this.#current, next);
      const plan = await this.#plan(next, difference);
      if (plan.changes.length === 0) return { version: this.version, changed: false, plan, leaving: [] };
      const before = this.#log.leaving.map(({ process }) => process);
      this.#options.secrets.add(next.secrets);
      try {
        await checkAll([...difference.inputs, ...difference.processes], next.directory);
        this.#imports.add(next);
        await this.#change(next, difference, describe(proposal), options);
      } catch (error) {
        throw redacted(error, this.#options.secrets);
      }
      const isOpen = new Set([...before, ...plan.undecided]);
      const leaving = this.#log.leaving.map(({ process }) => process).filter((name) => isOpen.has(name));
      return { version: this.version, changed: true, plan, leaving };
    });
  }

  /** Newest first. */
  versions(): readonly VersionRow[] {
    return this.#log.versions.map((row) => ({ ...row, current: row.version === this.version }));
  }

  /** @throws SluiceError NOT_FOUND */
  async versionOf(number: number): Promise<VersionDetail> {
    const row = this.versions().find(({ version }) => version === number);
    const stored = row && (await this.#log.textOf(number));
    if (row === undefined || stored === undefined) throw this.#log.noVersion(number);
    const { text, format } = stored;
    // What it refers to may be gone by now.
    const pipeline = await this.#parse(stored).catch(() => undefined);
    return { ...row, config: pipeline === undefined ? null : maskedView(pipeline), source: { text, format } };
  }

  async #change(
    next: Pipeline,
    { inputs, processes, removed }: Difference,
    how: string,
    { by, open }: ApplyOptions,
  ): Promise<void> {
    const before = this.version;
    const names = new Set(next.processes.map(({ name }) => name));
    const gone = removed.filter((name) => this.#current.processes.some((process) => process.name === name));
    const leaving = [
      ...this.#log.leaving.filter(({ process }) => !names.has(process)),
      ...gone.map((process) => ({ process, open: open ?? "drain", version: before })),
    ];
    let recorded: RecordedVersion | undefined;
    const { finished } = await this.#orchestrator.change({
      revision: revisionOf(next),
      add: {
        inputs: inputs.map(({ component }) => component),
        processes: processes.map(({ component }) => component),
      },
      remove: removed,
      links: next.links,
      ...(open !== undefined && { open }),
      state: (version) => {
        recorded = this.#log.record(version, next, { by, how }, leaving);
        return recorded.state;
      },
    });
    if (recorded !== undefined) this.#log.confirm(recorded);
    this.#current = withTopOf(this.#options.pipeline, next);
    this.#clearOnce(finished, gone);
  }

  /** A process that was removed, and cut off by the pipeline's end, is finished without anything routed to it. */
  async #resumeLeaving(one: Leaving): Promise<void> {
    const stored = await this.#log.textOf(one.version);
    if (stored === undefined) return;
    const former = await this.#parse(stored);
    const process = former.processes.find(({ name }) => name === one.process);
    if (process === undefined) return;
    this.#options.secrets.add(former.secrets);
    const { finished } = await this.#orchestrator.change({
      revision: revisionOf(this.#current),
      add: { inputs: [], processes: [] },
      remove: [],
      finish: [
        {
          version: one.version,
          process: process.component,
          links: former.links.filter(({ from }) => from === one.process),
        },
      ],
      links: this.#current.links,
      open: one.open,
    });
    this.#clearOnce(finished, [one.process]);
  }

  /** What is gone need not be gone on with at the next start. */
  #clearOnce(finished: Promise<void>, processes: readonly string[]): void {
    if (processes.length === 0) return void finished.catch(this.#options.onError);
    const clear = async (): Promise<void> => {
      await finished;
      await this.#exclusively(async () => {
        const isThere = this.#orchestrator.graph().nodes.some(({ id }) => processes.includes(id));
        if (isThere) return;
        await this.#log.clear(processes);
      });
    };
    clear().catch((error: unknown) => {
      // Then the next start goes on with it.
      if (!isSluiceError(error, "NOT_RUNNING")) this.#options.onError(error);
    });
  }

  #expectBegun(): void {
    if (!this.#hasBegun) throw new SluiceError("NOT_RUNNING", "the pipeline is starting; try again");
  }

  #checkVersion(wanted: number | undefined): void {
    if (wanted === undefined || wanted === this.version) return;
    throw new SluiceError(
      "VERSION_CONFLICT",
      `version ${wanted} was expected, but ${this.version} runs: somebody else has changed the pipeline; plan anew`,
      { details: { wanted, version: this.version } },
    );
  }

  async #propose(proposal: Proposal, isOwner: boolean): Promise<Pipeline> {
    if (this.#current.document === null) {
      throw new SluiceError(
        "FORBIDDEN",
        "this pipeline is a module: change that, and run it again, or write it as TOML, YAML or JSON",
      );
    }
    const stored = await this.#textOf(proposal);
    // Before anything is resolved or read: a plan, or an error, would tell what was found.
    if (!isOwner) await this.#expectNothingLocal(stored);
    const next = await this.#parse(stored);
    const { name, journal } = this.#options.pipeline;
    const { tree } = next.document ?? {};
    if (tree?.["name"] === undefined && tree?.["journal"] === undefined) return next;
    const isOther = next.name !== name || (tree["journal"] !== undefined && next.journal !== journal);
    if (!isOther) return next;
    throw new SluiceError(
      "INVALID_OPTIONS",
      `this is pipeline "${name}" over ${journal}; a running one cannot become "${next.name}" over ${next.journal}`,
      { details: { issues: [] } },
    );
  }

  async #textOf(proposal: Proposal): Promise<StoredText> {
    const own = ownFile(this.#current);
    if ("text" in proposal) return { file: own, ...proposal };
    if ("edit" in proposal) {
      const tree = editTree(this.#current.document?.tree ?? {}, proposal.edit);
      return { file: own, text: JSON.stringify(tree, null, 2), format: "json" };
    }
    const wanted = proposal.rollback ?? this.#log.before(this.version);
    const stored = wanted === undefined ? undefined : await this.#log.textOf(wanted);
    if (stored === undefined) throw this.#log.noVersion(wanted);
    return stored;
  }

  async #expectNothingLocal({ file, text, format }: StoredText): Promise<void> {
    const { value } = await parseSource(file, text, format);
    const what = await this.#localOnly(value as Fields);
    if (what.length > 0) throw refusal(what);
  }

  #localOnly(tree: Fields): Promise<readonly string[]> {
    return localOnly(this.#current.document?.tree ?? {}, tree, this.#options.registry);
  }

  #parse(text: StoredText): Promise<Pipeline> {
    return parsePipeline(text.text, { ...this.#options, file: text.file, format: text.format });
  }

  async #plan(next: Pipeline, difference: Difference): Promise<PipelinePlan> {
    const rows = await this.#orchestrator.processes();
    const changes = difference.changes.map((change) => {
      const row = rows.find(({ name }) => change.role === "process" && name === change.name);
      if (row === undefined) return change;
      const { queued = 0, waiting = 0, running = 0, retrying = 0 } = row.runs;
      return { ...change, openRuns: queued + waiting + running + retrying, running: row.running };
    });
    const undecided = changes.filter(({ action, openRuns }) => action === "remove" && openRuns > 0);
    return {
      version: this.version,
      changes,
      atStart: compareTops(this.#options.pipeline, next),
      undecided: undecided.map(({ name }) => name),
      localOnly: await this.#localOnly(next.document?.tree ?? {}),
      warnings: [...next.warnings.map(formatIssue), ...this.#imports.warnings(next)],
    };
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}

function redacted(error: unknown, secrets: Secrets): unknown {
  if (!isSluiceError(error)) return error;
  return new SluiceError(error.code, secrets.redact(error.message), { cause: error, details: error.details });
}

function describe(proposal: Proposal): string {
  if ("edit" in proposal) return describeEdit(proposal.edit);
  if ("text" in proposal) return "apply";
  return proposal.rollback === null ? "rollback" : `rollback to ${proposal.rollback}`;
}

function refusal(what: readonly string[]): SluiceError {
  return new SluiceError(
    "LOCAL_ONLY",
    `${what.join("; ")}: only a local file, or the owner's socket, may bring that in; use "sluice apply" where the pipeline runs`,
    { details: { localOnly: what } },
  );
}

import type { Input, InputSettings, LinkOptions, Process, ProcessSettings } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { changePipeline, openRunsError } from "./change.ts";
import type { Components } from "./components.ts";
import type { ChangeReceipt, PipelineChange } from "./handles.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Setup } from "./setup.ts";

/** Adds and removes what a pipeline consists of, whether it runs or not, and makes a running one another one. */
export class PipelineEditor {
  readonly #setup: Setup;
  readonly #components: Components;
  readonly #lifecycle: Lifecycle;
  #isChanging = false;

  constructor(setup: Setup, lifecycle: Lifecycle) {
    this.#setup = setup;
    this.#components = setup.components;
    this.#lifecycle = lifecycle;
  }

  addInput<Data>(input: Input<Data>, settings: InputSettings | undefined): void {
    this.#expectStill();
    const registered = this.#components.addInput(input, settings);
    this.#lifecycle.runtime?.components.addInput(registered);
    this.#changed();
  }

  addProcess<Data, Emits>(process: Process<Data, Emits>, settings: ProcessSettings | undefined): void {
    this.#expectStill();
    const registered = this.#components.addProcess(process, settings);
    this.#lifecycle.runtime?.components.addProcess(registered);
    this.#changed();
  }

  addLink(from: string, to: string, options: LinkOptions): void {
    this.#expectStill();
    this.#components.addLink(from, to, options);
    this.#changed();
  }

  removeLink(from: string, to: string): void {
    this.#expectStill();
    this.#components.topology.removeLink(from, to);
    this.#changed();
  }

  /** Resolves when it is gone, unless a change has put another in its place meanwhile. */
  async removeInput(name: string): Promise<void> {
    this.#expectStill();
    this.#components.expect(name, "input");
    const leaving = this.#components.inputs.get(name);
    await this.#lifecycle.runtime?.supervisor.remove(name, this.#setup.grace);
    await this.#untilStill();
    if (this.#components.inputs.get(name) !== leaving) return;
    this.#components.remove(name);
    this.#changed();
  }

  /** Resolves when it is gone, or a change has brought one of its name back. @throws SluiceError OPEN_RUNS */
  async removeProcess(name: string, open: "drain" | "cancel" | undefined): Promise<void> {
    this.#expectStill();
    this.#components.expect(name, "process");
    // A removal that was begun, and that the journal cut short, goes on: what came meanwhile is finished.
    const goesOn = this.#components.isRetired(name);
    if (open === undefined && !goesOn) await this.#expectNoOpenRuns(name);
    this.#expectStill();
    this.#components.retire(name);
    const runtime = this.#lifecycle.runtime;
    runtime?.components.retireProcess(name, runtime.version.current);
    this.#changed();
    if (runtime === undefined) this.#components.remove(name);
    else await runtime.components.endProcess(name, open ?? "drain");
    this.#changed();
  }

  async change(change: PipelineChange): Promise<ChangeReceipt> {
    const runtime = this.#lifecycle.running();
    return runtime.components.exclusively(async () => {
      this.#isChanging = true;
      try {
        return await changePipeline(runtime, this.#components, change);
      } finally {
        this.#isChanging = false;
      }
    });
  }

  /** What was added beside a change that is being made would be gone once it is. @throws SluiceError VERSION_CONFLICT */
  #expectStill(): void {
    if (!this.#isChanging) return;
    throw new SluiceError(
      "VERSION_CONFLICT",
      "the pipeline is just becoming another one; add or remove when that is done",
    );
  }

  async #untilStill(): Promise<void> {
    if (this.#isChanging) await this.#lifecycle.runtime?.components.exclusively(async () => undefined);
  }

  async #expectNoOpenRuns(process: string): Promise<void> {
    const open = (await this.#lifecycle.runtime?.components.openRuns(process)) ?? 0;
    if (open > 0) throw openRunsError(process, open);
  }

  #changed(): void {
    const runtime = this.#lifecycle.runtime;
    if (runtime === undefined) return;
    runtime.components.changed();
    runtime.refreshVersion().catch((error: unknown) => {
      this.#setup.errors.reportThrown(
        error,
        "JOURNAL_IO",
        "the pipeline's new version could not be journalled",
      );
    });
  }
}

/*
 * What a change of a pipeline would do, and which versions of it there were: as the API tells it, and as the command
 * line and the page read it. Secrets are masked.
 */

export interface PipelinePlan {
  /** The version that it is compared with: the one that runs. */
  readonly version: number;
  /** Empty if nothing would change. Inputs first, then processes, then links. */
  readonly changes: readonly PlannedChange[];
  /** Keys at the top of the file, such as `http`, that say something else than what runs: read at the next start only. */
  readonly atStart: readonly string[];
  /** Processes that go and have open runs: the apply needs to be told `drain` or `cancel`. */
  readonly undecided: readonly string[];
  /** What only a local file, or the owner's socket, may bring in: through the network the apply is refused. */
  readonly localOnly: readonly string[];
  /** What is allowed, but hardly meant. */
  readonly warnings: readonly string[];
}

export interface PlannedChange {
  readonly action: "add" | "remove" | "change";
  readonly role: "input" | "process" | "link";
  /** Of a link, `from → to`. */
  readonly name: string;
  /** The kind; `null` for a link. */
  readonly type: string | null;
  /** Which options differ; of what is added or removed, all that it has. */
  readonly options: readonly OptionChange[];
  /** Whether an input is ended and started anew: it listens to nothing for that moment. */
  readonly restarts: boolean;
  /** Of a process that goes or changes: its runs that are not over, and those of them that run now. */
  readonly openRuns: number;
  readonly running: number;
}

export interface OptionChange {
  /** As config files spell it; `files` stands for the content of the files that it is made of. */
  readonly option: string;
  /** `null` if it was not there. `***` for what is secret. */
  readonly before: unknown;
  readonly after: unknown;
}

/** What an apply did. */
export interface AppliedPlan {
  /** The version that runs now. */
  readonly version: number;
  /** False if it was so already. */
  readonly changed: boolean;
  readonly plan: PipelinePlan;
  /** Processes that were removed and are not gone yet. */
  readonly leaving: readonly string[];
}

/** A version of the pipeline that the journal keeps. */
export interface VersionRow {
  readonly version: number;
  /** Of what it was made of. */
  readonly hash: string;
  /** When it came into force. */
  readonly at: string;
  /** `start`, `owner (uid 1000)` or `admin token`. */
  readonly by: string;
  /** `start`, `apply`, `rollback to 3`, or what was added or removed by itself. */
  readonly how: string;
  /** Whether it is the one that runs. */
  readonly current: boolean;
}

export interface VersionDetail extends VersionRow {
  /** What it says, secrets masked. */
  readonly config: unknown;
  /** The text as it was given, references unresolved; `null` for who is no admin. */
  readonly source: { readonly text: string; readonly format: "toml" | "yaml" | "json" } | null;
}

/** One change of a config file. */
export type PipelineEdit =
  /** Adds a component, or puts it in the place of the one of its name. */
  | {
      readonly put: "input" | "process";
      readonly name: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly remove: "input" | "process"; readonly name: string }
  | { readonly put: "link"; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly remove: "link"; readonly from: string; readonly to: string };

/** What a pipeline is to become: a text, a change of the current one, or a version that it had. */
export type Proposal =
  | {
      readonly text: string;
      readonly format: "toml" | "yaml" | "json";
      /** Where it stands: relative paths start from its folder. Defaults to the pipeline's own. */
      readonly file?: string;
    }
  | { readonly edit: PipelineEdit }
  /** Without a number, the one before the current. */
  | { readonly rollback: number | null };

export interface ApplyOptions {
  /** For the record. */
  readonly by: string;
  /** Whether it comes through the owner's socket: who can open that could run any code here. */
  readonly isOwner: boolean;
  /** What becomes of the open runs of processes that go. */
  readonly open?: "drain" | "cancel";
  /** The version that must be running. */
  readonly ifVersion?: number;
}

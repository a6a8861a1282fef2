import type { Command } from "commander";
import type { CompletedCommand } from "./completion.ts";

/** Tells of all commands, for the one that completes them. */
export type DescribeAll = () => Promise<readonly CompletedCommand[]>;

/** One command: its file adds the arguments and options to it, and what it does. */
export interface CommandModule {
  readonly configure: (command: Command, describeAll: DescribeAll) => void;
}

/** Exit codes: scripts rely on them. */
export const EXIT = { done: 0, failed: 1, invalid: 2, nothingToTalkTo: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

import type { Command } from "commander";
import { configureSwitch } from "../switch.ts";

export function configure(command: Command): void {
  configureSwitch(command, "pause");
}

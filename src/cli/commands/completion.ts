import { Option, type Command } from "commander";
import type { DescribeAll } from "../command.ts";
import { completionScript, SHELLS, type Shell } from "../completion.ts";
import { print } from "../output.ts";

const HELP = `
Examples:
  $ sluice completion bash > ~/.local/share/bash-completion/completions/sluice
  $ sluice completion zsh > "\${fpath[1]}/_sluice"
  $ sluice completion fish > ~/.config/fish/completions/sluice.fish
`;

interface Options {
  readonly json?: boolean;
}

export function configure(command: Command, describeAll: DescribeAll): void {
  command
    .argument("<shell>", SHELLS.join(", "))
    .addOption(new Option("--json", 'print {"shell":…,"script":…}'))
    .addHelpText("after", HELP)
    .action(async (shell: string, { json }: Options) => {
      const script = completionScript(shell as Shell, await describeAll());
      print(json === true ? JSON.stringify({ shell, script }) : script.trimEnd());
    });
}

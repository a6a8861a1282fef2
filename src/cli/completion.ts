import { SluiceError } from "../model/errors.ts";

export type Shell = "bash" | "zsh" | "fish";
export const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** A command, as far as a shell completes it. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** With their dashes. */
  readonly options: readonly string[];
  /** Whether its arguments are files. */
  readonly takesFile: boolean;
}

/** @throws SluiceError INVALID_OPTIONS for a shell that is none of {@link SHELLS} */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
    default:
      throw new SluiceError(
        "INVALID_OPTIONS",
        `there is no completion for ${JSON.stringify(shell)}; there is one for ${SHELLS.join(", ")}`,
      );
  }
}

function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, options, takesFile }) => {
    const files = takesFile ? "; files=1" : "";
    return `    ${name}) words="${options.join(" ")}"${files} ;;`;
  });
  return `# bash completion for sluice
_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" files=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$current"))
    return
  fi
  case "$previous" in --config|--journal) COMPREPLY=($(compgen -f -- "$current")); return ;; esac
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -n "$files" ] && [ "\${current#-}" = "$current" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _sluice sluice
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const listed = commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`);
  const cases = commands.map(({ name, options, takesFile }) => {
    const files = takesFile ? " && ret=0; _files" : "";
    return `      ${name}) compadd -- ${options.join(" ")}${files} ;;`;
  });
  return `#compdef sluice
_sluice() {
  local ret=1
  local -a commands
  commands=(
${listed.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands && ret=0
  else
    case "$words[2]" in
${cases.join("\n")}
    esac
    ret=0
  fi
  return ret
}
_sluice "$@"
`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, options, takesFile }) => [
    `complete -c sluice -n __fish_use_subcommand -f -a ${name} -d '${quoted(summary)}'`,
    ...options.map(
      (option) =>
        `complete -c sluice -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^--/, "")}`,
    ),
    ...(takesFile ? [] : [`complete -c sluice -n '__fish_seen_subcommand_from ${name}' -f`]),
  ]);
  return `# fish completion for sluice\n${lines.join("\n")}\n`;
}

/** Summaries are ours, but one may have an apostrophe one day. */
function quoted(text: string): string {
  return text.replaceAll("'", "").replaceAll(":", "");
}

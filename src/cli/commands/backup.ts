import type { Command } from "commander";
import { SluiceError } from "../../model/errors.ts";
import { locate, type Target } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";
import { harmless, plural } from "../text.ts";

interface Options extends Pick<Target, "config" | "journal"> {
  readonly json?: boolean;
}

const HELP = `
Example:
  $ sluice backup /backups/orders-$(date +%F).db

A consistent copy, also while the pipeline runs and takes events; it is on disk when the command ends. To restore,
stop the pipeline, put the copy in the journal's place, remove what is beside it (-wal, -shm), and start again.
`;

export function configure(command: Command): void {
  command
    .argument("<file>", "where to; a file that is there already is not overwritten")
    .option("--config <file>", "the pipeline's config file (default: sluice.toml)")
    .option("--journal <location>", "its journal: sqlite:PATH, or the path")
    .option("--json", 'print {"file":…,"bytes":…,"events":…}')
    .addHelpText("after", HELP)
    .action(async (file: string, options: Options) => {
      const { journal } = await locate(options);
      if (journal === undefined) {
        throw new SluiceError(
          "NOTHING_TO_TALK_TO",
          "there is no journal on disk to copy; name the pipeline by --config or --journal",
        );
      }
      const { backUp } = await import("../../journal/sqlite/backup.ts");
      const made = await backUp(journal, file);
      if (options.json === true) return printJson(made);
      print(`${harmless(made.file)}: ${plural(made.events, "event")}, ${made.bytes} bytes`);
      hint(
        "a journal that is restored knows nothing of what came after it: sources send that again, or it is lost",
      );
    });
}

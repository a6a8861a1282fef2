import type { Command } from "commander";
import type { ForgetReport } from "../../engine/handles.ts";
import { EXIT } from "../command.ts";
import { withClient, withTarget } from "../connect.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";
import { plural } from "../text.ts";

interface Options extends Target {
  readonly key: string;
  readonly json?: boolean;
}

const HELP = `
Example:
  $ sluice forget --key customers/42

Blanks payloads, headers, logs and error messages of all events with this ordering key (LOCATION/ID, unless their
input gives another), for good; that they happened is kept. Events with an open run are left: then the exit code is 1.
Copies made by "sluice backup" still hold them, and so does the write-ahead log until the pipeline's next restart.
`;

export function configure(command: Command): void {
  withTarget(command)
    .requiredOption("--key <key>", "the ordering key")
    .option("--json", 'print {"events":…,"open":…}')
    .addHelpText("after", HELP)
    .action((options: Options) =>
      withClient(options, async (client) => {
        const report = await client.post<ForgetReport>("forget", { key: options.key });
        if (report.open > 0) process.exitCode = EXIT.failed;
        if (options.json === true) return printJson(report);
        print(`${plural(report.events, "event")} forgotten`);
        if (report.open > 0) {
          hint(
            `${plural(report.open, "event")} left, whose runs are open: finish or cancel them, and ask again`,
          );
        }
      }),
    );
}

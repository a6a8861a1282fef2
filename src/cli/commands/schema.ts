import type { Command } from "commander";
import { print } from "../output.ts";
import { toSafeJson } from "../text.ts";

const EXAMPLE = `
Example, for editors that know TOML schemas (the file's first line: #:schema ./sluice.schema.json):
  $ sluice schema > sluice.schema.json
`;

export function configure(command: Command): void {
  command
    .option("--json", "the same: a schema is JSON")
    .addHelpText("after", EXAMPLE)
    .action(async () => {
      const [{ configSchema }, { registry }] = await Promise.all([
        import("../../config/json-schema.ts"),
        import("../load.ts"),
      ]);
      print(toSafeJson(await configSchema(registry), 2));
    });
}

import type { Command } from "commander";
import { RUN_HEADER } from "../../model/cause-headers.ts";
import { isTraceparent } from "../../model/traceparent.ts";
import { withClient, withTarget } from "../connect.ts";
import { readData } from "../data.ts";
import type { Target } from "../locate.ts";
import { hint, print, printJson } from "../output.ts";

interface Options extends Target {
  readonly location?: string;
  readonly operation?: string;
  readonly id?: string;
  readonly key?: string;
  readonly uid?: string;
  readonly data?: string;
  readonly json?: boolean;
}

interface Answer {
  readonly uid?: string;
  readonly duplicate?: boolean;
  readonly filtered?: true;
}

const EXAMPLES = `
Examples:
  $ sluice emit orders --location raw.orders --operation create --id 42 --data '{"total": 99.5}'
  $ sluice emit orders --data @order.json
  $ generate-order | sluice emit orders --data -

Resolves once the event is on disk. Called from within a run, the event is caused by that run.
`;

export function configure(command: Command): void {
  withTarget(command)
    .argument("<input>", "the input in whose name it is emitted")
    .option("--location <text>", "where it was seen: a table, a topic, a path (default: the input's name)")
    .option("--operation <operation>", "create, read, update or delete (default: unknown)")
    .option("--id <id>", "the record's id (default: the event's uid)")
    .option("--key <key>", "the ordering key (default: location/id)")
    .option("--data <json>", "the payload: JSON, @FILE, or - for stdin")
    .option("--uid <uuid>", "the event's own identity; emitted twice, it is a duplicate (default: a new one)")
    .option("--json", 'print {"uid":…,"duplicate":…}')
    .addHelpText("after", EXAMPLES)
    .action(async (input: string, options: Options) => {
      const event = await toEvent(options);
      await withClient(options, async (client) => {
        const path = `inputs/${encodeURIComponent(input)}/events`;
        const answer = await client.post<Answer>(path, event, causeFromEnvironment());
        report(answer, options.json === true);
      });
    });
}

async function toEvent(options: Options): Promise<Readonly<Record<string, unknown>>> {
  const { location, operation, id, key, uid } = options;
  const data = options.data === undefined ? undefined : await readData(options.data);
  const fields = { location, operation, id, key, uid, data };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What a run tells the children that it starts. */
function causeFromEnvironment(): Readonly<Record<string, string>> {
  const { SLUICE_RUN: run, TRACEPARENT: traceparent } = process.env;
  return {
    ...(run !== undefined && { [RUN_HEADER]: run }),
    ...(traceparent !== undefined && isTraceparent(traceparent) && { traceparent }),
  };
}

function report({ uid, duplicate = false, filtered }: Answer, asJson: boolean): void {
  if (asJson) return printJson({ uid: uid ?? null, duplicate, ...(filtered && { filtered }) });
  if (uid !== undefined) print(uid);
  if (duplicate) hint("a duplicate: this event was taken before");
  if (filtered === true) hint("filtered: the input does not let this operation through, nothing was kept");
}

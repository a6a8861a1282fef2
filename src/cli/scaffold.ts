import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { SluiceError } from "../model/errors.ts";

/** A file to be made, with a path relative to the folder of the pipeline. */
export interface NewFile {
  readonly path: string;
  readonly content: string;
}

/**
 * Makes files, and the folders that they need. One that is there already is never touched: then none is made that
 * comes after it.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export async function makeFiles(folder: string, files: readonly NewFile[]): Promise<void> {
  for (const { path, content } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    try {
      await writeFile(target, content, { flag: "wx" });
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
      const shown = relative(process.cwd(), target) || target;
      if (!isThere) throw error;
      throw new SluiceError("INVALID_OPTIONS", `${shown} is there already, and is left as it is`);
    }
  }
}

export function inputModule(name: string): string {
  return `// The input "${name}": listens until its signal aborts, and emits what it sees.
import { setTimeout as sleep } from "node:timers/promises";
import type { InputContext } from "sluice";

export default async function handle({ emit, signal }: InputContext): Promise<void> {
  while (!signal.aborted) {
    // Resolves once the event is on disk: only then is it safe to tell the source that it was taken.
    await emit({ location: "${name}", operation: "create", data: { at: new Date().toISOString() } });
    await sleep(10_000, undefined, { signal }).catch(() => undefined);
  }
}
`;
}

export function processModule(name: string): string {
  return `// The process "${name}": runs once for an event. It may be run again after a crash, so make it idempotent by run.id.
import type { Event, RunContext } from "sluice";

export default async function run(event: Event, { log, run }: RunContext): Promise<void> {
  log(\`\${run.id}: \${event.operation} \${event.location}/\${event.id}\`);
}
`;
}

/** A pipeline that runs, named after its folder. */
export function firstPipeline(folder: string): string {
  const name = basename(resolve(folder)).replace(/[^a-zA-Z0-9_-]+/g, "_");
  return FIRST_PIPELINE.replace('"first"', `"${/^[a-zA-Z]/.test(name) ? name.slice(0, 40) : "first"}"`);
}

const FIRST_PIPELINE = `#:schema ./sluice.schema.json
name = "first"
journal = "sqlite:.sluice/journal.db"

[http]                        # the API and the page
listen = "127.0.0.1:8787"

[[input]]
name = "orders"
type = "webhook"
path = "/hooks/orders"
auth = "none"                 # before it is open to others: secret = "\${env:ORDERS_SECRET}"

[[process]]
name = "greet"
type = "function"
module = "./processes/greet.ts"
on = "orders"
retry = { attempts = 3 }
`;

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { SluiceError } from "../model/errors.ts";

/** A file to be made, with a path relative to the folder of the pipeline. */
export interface NewFile {
  readonly path: string;
  readonly content: string;
}

/**
 * Makes files, and the folders that they need. One that is there already is never touched: then none is made.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export async function makeFiles(folder: string, files: readonly NewFile[]): Promise<void> {
  const there = files.map(({ path }) => join(folder, path)).find((target) => existsSync(target));
  if (there !== undefined) {
    const shown = relative(process.cwd(), there) || there;
    throw new SluiceError("INVALID_OPTIONS", `${shown} is there already, and is left as it is`);
  }
  for (const { path, content } of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content, { flag: "wx" });
  }
}

/** The module of an input, and a test that holds as it stands: `node --test`. */
export function inputFiles(name: string): readonly NewFile[] {
  return [
    { path: `inputs/${name}.ts`, content: inputModule(name) },
    { path: `inputs/${name}.test.ts`, content: inputTest(name) },
  ];
}

/** The module of a process, and a test that holds as it stands: `node --test`. */
export function processFiles(name: string): readonly NewFile[] {
  return [
    { path: `processes/${name}.ts`, content: processModule(name) },
    { path: `processes/${name}.test.ts`, content: processTest(name) },
  ];
}

function inputModule(name: string): string {
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

function inputTest(name: string): string {
  return `// What every input must hold; run it by \`node --test\`. Add what is this one's own.
import { test } from "node:test";
import { inputConformance, type InputSubject } from "sluice/testing";
import handle from "./${name}.ts";

function create(): InputSubject {
  return {
    input: { name: "${name}", handle },
    // Makes the source tell one more thing. This one tells by itself.
    async tell() {},
  };
}

for (const { name, run } of inputConformance({ create })) test(name, run);
`;
}

function processModule(name: string): string {
  return `// The process "${name}": runs once for an event. It may be run again after a crash, so make it idempotent by run.id.
import type { Event, RunContext } from "sluice";

export default async function run(event: Event, { log, run, signal }: RunContext): Promise<void> {
  signal.throwIfAborted(); // and hand it to what takes long
  log(\`\${run.id}: \${event.operation} \${event.location}/\${event.id}\`);
}
`;
}

function processTest(name: string): string {
  return `// What every process must hold; run it by \`node --test\`. Add what is this one's own.
import { test } from "node:test";
import { processConformance, type ProcessSubject } from "sluice/testing";
import run from "./${name}.ts";

function create(): ProcessSubject {
  // \`fails\`, \`lasts\` and \`effects\` say more of it, and let more be tested.
  return { process: { name: "${name}", run }, succeeds: { id: "1", data: {} } };
}

for (const { name, run } of processConformance({ create })) test(name, run);
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

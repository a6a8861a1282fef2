import type { Process } from "../model/component.ts";
import { PIPELINE_OWNER } from "../model/name.ts";
import { SluiceError, toErrorRecord, isSluiceError } from "../model/errors.ts";
import type { StatePut } from "../journal/work.ts";
import type { Components, RegisteredInput, RegisteredProcess } from "./components.ts";
import type { PipelineChange, ChangeReceipt } from "./handles.ts";
import type { Opening } from "./opening.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Makes a running pipeline another one, all at once:
 *
 * 1. what it will be is put together and checked, and its new processes are opened; what fails here changes nothing;
 * 2. the new version is made durable; until it is, everything goes on by the old one;
 * 3. in one step, without a pause in which anything could run, routing, processes and the version that attempts
 *    record become the new ones. Attempts that run end with the process that they began with;
 * 4. inputs that are gone or another are ended, and the new ones started.
 *
 * Who dies before 2 was durable has the old version, who dies after it the new one.
 */
export async function changePipeline(
  runtime: Runtime,
  components: Components,
  wanted: PipelineChange,
): Promise<ChangeReceipt> {
  const { remove, open, finish = [] } = wanted;
  for (const name of remove) components.expect(name);
  const next = components.after(wanted);
  const added = [...wanted.add.processes, ...finish.map(({ process }) => process)];
  const processes = added.map(({ name }) => next.processes.get(name) as RegisteredProcess);
  const inputs = wanted.add.inputs.map((input) => next.inputs.get(input.name) as RegisteredInput);
  const leaving = remove.filter((name) => components.processes.has(name));
  if (open === undefined) await expectNoOpenRuns(runtime, leaving);
  const openings = await openAll(runtime, processes);
  let swapped: { readonly version: number };
  try {
    const prepared = await runtime.version.prepare(next.describe(), (version) => statePuts(wanted, version));
    const before = runtime.version.current;
    // From here to the end of the block nothing is awaited.
    components.become(next);
    runtime.components.changed();
    prepared.become();
    processes.forEach((registered, i) => runtime.components.putProcess(registered, openings[i] as Opening));
    for (const name of leaving) runtime.components.retireProcess(name, before);
    for (const { process, version } of finish) runtime.components.retireProcess(process.name, version);
    runtime.announce(prepared.version);
    swapped = prepared;
  } catch (error) {
    await Promise.all(openings.map((opening) => opening.dispose()));
    throw error;
  }
  const gone = remove.filter((name) => !leaving.includes(name));
  const exchanged = await Promise.allSettled([
    ...inputs.map((registered) => runtime.components.putInput(registered)),
    ...gone.map((name) => runtime.components.removeInput(name)),
  ]);
  // It is the new one already: what still goes wrong is told, but takes nothing back.
  for (const result of exchanged) if (result.status === "rejected") runtime.report(result.reason);
  const ending = [...leaving, ...finish.map(({ process }) => process.name)];
  const finished = Promise.all(ending.map((name) => runtime.components.endProcess(name, open ?? "drain")));
  return { version: swapped.version, finished: finished.then(() => undefined) };
}

function statePuts({ state }: PipelineChange, version: number): readonly StatePut[] {
  return Object.entries(state?.(version) ?? {}).map(([key, value]) => ({
    owner: PIPELINE_OWNER,
    key,
    value,
  }));
}

async function expectNoOpenRuns(runtime: Runtime, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const open = await runtime.components.openRuns(name);
    if (open > 0) throw openRunsError(name, open);
  }
}

export function openRunsError(process: string, open: number): SluiceError {
  return new SluiceError(
    "OPEN_RUNS",
    `process "${process}" has ${open} open runs; say "drain" to finish or "cancel" to cancel them`,
    { details: { process, open } },
  );
}

/** All or none. @throws SluiceError of the first that cannot be opened */
async function openAll(
  runtime: Runtime,
  processes: readonly RegisteredProcess[],
): Promise<readonly Opening[]> {
  const results = await Promise.allSettled(processes.map(({ process }) => runtime.dispatcher.open(process)));
  const opened = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = results.findIndex((result) => result.status === "rejected");
  if (failed === -1) return opened;
  await Promise.all(opened.map((opening) => opening.dispose()));
  throw notOpened(processes[failed]?.process as Process, (results[failed] as PromiseRejectedResult).reason);
}

function notOpened({ name }: Process, cause: unknown): SluiceError {
  const { message } = toErrorRecord(cause);
  const code = isSluiceError(cause) ? cause.code : "RUN_FAILED";
  return new SluiceError(code, `process "${name}" cannot be opened: ${message}`, {
    cause,
    details: { process: name },
  });
}

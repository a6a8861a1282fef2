import { isSluiceError } from "../../src/model/errors.ts";
import { isFinal, type RunRow } from "../../src/model/run.ts";
import type { EventRow } from "../../src/journal/history.ts";
import { dead, play } from "./script.ts";
import { EMISSIONS, World } from "./world.ts";

const TRACE_SHOWN = 150;
/** How long everything may take to finish once nothing goes wrong, in milliseconds. */
const PATIENCE = 600_000;

/** Runs one seed from its start to its end. @throws Error that says what was broken, with the seed and what led to it */
export async function simulate(seed: number): Promise<World> {
  const world = new World(seed);
  const intervals: NodeJS.Timeout[] = [];
  const { setInterval } = globalThis;
  // What keeps a process alive ends with it.
  globalThis.setInterval = ((...given: Parameters<typeof setInterval>) => {
    const interval = setInterval(...given);
    intervals.push(interval);
    return interval;
  }) as typeof setInterval;
  try {
    await world.journal.create();
    await world.startHost();
    await play(world);
    await finish(world);
    await check(world);
  } catch (error) {
    world.breaks((error as Error).stack ?? String(error));
  } finally {
    globalThis.setInterval = setInterval;
    for (const interval of intervals) clearInterval(interval);
  }
  const broken = [...world.broken, ...world.upstreams.flatMap((upstream) => upstream.broken)];
  if (broken.length === 0) return world;
  throw new Error(
    [
      `seed ${seed}: ${broken.slice(0, 5).join("\n")}`,
      `replay it: SLUICE_SEED=${seed} npx vitest run test/simulation/simulation.test.ts`,
      JSON.stringify(world.setup),
      ...world.trace.slice(-TRACE_SHOWN),
    ].join("\n"),
  );
}

/** Nothing goes wrong any more: everything must come to its end. */
async function finish(world: World): Promise<void> {
  world.calm();
  for (const host of world.hosts) if (host.superseded) host.kill();
  if (!world.host.alive) await world.startHost();
  const { host, clock } = world;
  const { orchestrator } = host;
  // A change that is under way still needs what it waits for to go on.
  await resumeAll(world);
  for (let waited = 0; world.changing.size > 0; waited += 1_000) {
    if (waited > PATIENCE) throw new Error(`the change of ${[...world.changing].join()} never ends`);
    await clock.advance(1_000);
    await replayBlocking(world);
  }
  await restore(world);
  for (let waited = 0; !isIdle(world); waited += 1_000) {
    if (waited > PATIENCE) throw new Error(`stuck: ${(await describeOpen(world)).join("; ")}`);
    await clock.advance(1_000);
    await replayBlocking(world);
  }
  await world.within(host, orchestrator.idle());
  await clock.advance(10_000);
  for (const { name, running, abandoned } of await orchestrator.processes()) {
    if (running + abandoned > 0)
      world.breaks(`${running} run and ${abandoned} are abandoned in ${name} after the end`);
  }
  await world.within(host, orchestrator.stop());
  if (clock.timers > 0) world.breaks(`${clock.timers} timers are left`);
}

/** Everything is as at the beginning, so that no run lacks its process. */
async function restore(world: World): Promise<void> {
  const { host, processes, inputs, upstreams } = world;
  for (const name of ["work", "after"]) {
    if (processes.has(name)) continue;
    processes.set(name, world.settings());
    world.addProcess(name, host);
  }
  for (const upstream of upstreams) {
    if (inputs.has(upstream.name)) continue;
    inputs.add(upstream.name);
    world.addInput(upstream, host);
  }
  const there = new Set(host.orchestrator.graph().edges.map(({ from, to }) => `${from}>${to}`));
  for (const link of world.links) if (!there.has(link)) world.addLink(link, host);
  await resumeAll(world);
}

/** A change that is under way may take a name away meanwhile. */
async function resumeAll(world: World): Promise<void> {
  const { orchestrator } = world.host;
  for (const { name } of orchestrator.graph().nodes) {
    await world.within(
      world.host,
      orchestrator.resume(name).catch((error: unknown) => {
        if (!isSluiceError(error, "UNKNOWN_NAME")) throw error;
      }),
    );
  }
}

/** A dead run that blocks its key is an operator's to replay. */
async function replayBlocking(world: World): Promise<void> {
  // A run that is replayed while its process is gone stands in a line, too.
  if (world.setup.onDead !== "block") return;
  for (const { id } of await dead(world)) world.sink.replay(id);
  await world.within(world.host, world.host.orchestrator.replayAll({ state: "dead" }));
}

function isIdle({ upstreams, journal }: World): boolean {
  return upstreams.every(({ pending }) => pending === 0) && journal.inner.openRuns() === 0;
}

async function describeOpen({ upstreams, journal }: World): Promise<string[]> {
  const { items } = await journal.history.runs({ limit: 1_000 });
  const open = items.filter(({ state }) => !isFinal(state)).map(({ id, state }) => `${id} is ${state}`);
  return [...open, ...upstreams.map(({ name, pending }) => `${pending} deliveries of ${name} wait`)];
}

/** Compares the ledgers with the journal. */
async function check(world: World): Promise<void> {
  const runs = (await world.journal.history.runs({ limit: 1_000 })).items;
  const events = (await world.journal.history.events({ limit: 1_000 })).items;
  checkAcknowledged(world, events, runs);
  for (const run of runs) checkRun(world, run);
  await checkEmissions(world, events);
  checkOrder(world, events);
  await checkCounters(world, runs);
  checkErrors(world);
}

function checkAcknowledged(world: World, events: readonly EventRow[], runs: readonly RunRow[]): void {
  const known = new Map(events.map((event) => [event.uid, event]));
  const ids = new Set(runs.map(({ id }) => id));
  for (const uid of world.acknowledged) if (!known.has(uid)) world.breaks(`event ${uid} is lost`);
  for (const { name, deliveries } of world.upstreams) {
    for (const { id, receipt, expected } of deliveries) {
      const count = events.filter((event) => event.trigger === name && event.id === id).length;
      if (count !== 1) world.breaks(`delivery ${id} is there ${count} times`);
      for (const process of expected ?? []) {
        if (!ids.has(`${receipt?.uid}/${process}`)) world.breaks(`delivery ${id} has no run of ${process}`);
      }
    }
  }
}

function checkRun(world: World, { id, state, error }: RunRow): void {
  if (!isFinal(state)) world.breaks(`${id} is ${state} after the end`);
  // It may have been marked, and its host have died, before the sink could see it.
  if (error?.code === "CRASHED_HOST" && world.deaths < 3) world.breaks(`${id} was set aside for nothing`);
  const expected = world.edited.get(id);
  if (expected !== undefined && world.given.has(id)) {
    const given = JSON.stringify(world.given.get(id));
    if (given !== JSON.stringify(expected)) world.breaks(`${id} was given ${given}, not its edited payload`);
  }
}

/** What an attempt held is there once if it succeeded, and not at all if not; what it emitted at once is there once. */
async function checkEmissions(world: World, events: readonly EventRow[]): Promise<void> {
  const runs = (await world.journal.history.runs({ limit: 1_000, process: "work" })).items;
  for (const { id, state } of runs) {
    const caused = events.filter((event) => event.cause?.runs.includes(id) === true);
    const now = caused.filter((event) => event.id === "now");
    const held = caused.filter((event) => event.id !== "now");
    if (now.length > 1) world.breaks(`${id} emitted ${now.length} times under one key`);
    const expected = state === "succeeded" ? EMISSIONS : 0;
    if (held.length !== expected)
      world.breaks(
        `${id} is ${state} and emitted ${JSON.stringify(held.map((event) => [event.id, event.data]))}`,
      );
    const fences = new Set(held.map((event) => (event.data as { fence?: number } | undefined)?.fence));
    if (fences.size > 1) world.breaks(`${id} emitted from several attempts`);
    for (const fence of fences) {
      if (!sinkHas(world, id, fence)) world.breaks(`${id} emitted from an attempt that did not end well`);
    }
  }
}

function sinkHas({ sink }: World, run: string, fence: number | undefined): boolean {
  return sink.done.has(`${run} ${fence}`);
}

/** Runs of a key begin in the order of their events, but for those that an operator had replayed. */
function checkOrder(world: World, events: readonly EventRow[]): void {
  const places = new Map(events.map(({ uid }, i) => [uid, events.length - i]));
  const last = new Map<string, number>();
  for (const { process, key, run } of world.sink.begun) {
    if (run.includes("~") || world.sink.wasReplayed(run)) continue;
    const line = `${process} ${key}`;
    const place = places.get(run.slice(0, 36)) ?? 0;
    if (place < (last.get(line) ?? 0)) world.breaks(`${run} began after a later one of its key`);
    last.set(line, place);
  }
}

async function checkCounters(world: World, runs: readonly RunRow[]): Promise<void> {
  const counted = await world.journal.history.counters();
  for (const [process, states] of Object.entries(counted.runs)) {
    for (const [state, count] of Object.entries(states)) {
      const there = runs.filter((run) => run.process === process && run.state === state).length;
      if (there !== count) world.breaks(`${count} runs of ${process} count as ${state}, and ${there} are`);
    }
  }
}

/** What is reported is a failure of the pipeline's surroundings, never one of the engine's own. */
function checkErrors(world: World): void {
  for (const { errors, number } of world.hosts) {
    for (const error of errors) {
      if (error.cause instanceof TypeError || error.cause instanceof ReferenceError) {
        world.breaks(`host ${number} reported ${error.cause.stack}`);
      }
    }
  }
}

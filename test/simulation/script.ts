import { isSluiceError } from "../../src/model/errors.ts";
import { isFinal, type RunRow, type RunState } from "../../src/model/run.ts";
import type { RunOutcome } from "../../src/engine/handles.ts";
import type { Host } from "./host.ts";
import type { Limits } from "./sink.ts";
import type { World } from "./world.ts";

const KEYS = ["a", "b", "c"];
const MOVES = {
  arrive: 16,
  emit: 6,
  wait: 18,
  pause: 3,
  resume: 5,
  cancel: 6,
  replay: 4,
  replayEdited: 2,
  replayAll: 1,
  disk: 4,
  heal: 3,
  die: 2,
  doom: 3,
  takeOver: 1,
  bury: 2,
  restart: 1,
  removeProcess: 2,
  addProcess: 4,
  replaceProcess: 3,
  changeLink: 2,
  changeInput: 1,
} as const;

type Move = keyof typeof MOVES;

/** What the outside world, operators and the disk do, one after the other; what it sets in motion is not waited for. */
export async function play(world: World): Promise<void> {
  const moves = world.chance.between(10, 50);
  for (let i = 0; i < moves; i += 1) {
    if (!world.host.alive) await world.startHost();
    const move = world.chance.weighted(MOVES);
    world.note(move);
    await deeds[move](world);
  }
}

const deeds: Readonly<Record<Move, (world: World) => Promise<unknown> | void>> = {
  arrive({ chance, upstreams, newUid }) {
    const upstream = chance.pick(upstreams);
    for (let count = chance.between(1, 4); count > 0; count -= 1) {
      const id = `${upstream.name}-${upstream.deliveries.length}`;
      upstream.arrive({ id, key: chance.pick(KEYS), uid: chance.happens(0.4) ? newUid() : undefined });
    }
  },

  emit(world) {
    const { orchestrator } = world.host;
    const id = world.newUid();
    void told(
      world,
      orchestrator.emit("source", { id, uid: id, key: world.chance.pick(KEYS) }),
      ({ uid }) => {
        world.acknowledged.push(uid);
      },
    );
  },

  wait: ({ clock, chance }) => clock.advance(chance.pick([0, 1, 50, 300, 1_000, 3_000])),
  pause: (world) => void told(world, world.host.orchestrator.pause(anyName(world))),
  resume: (world) => void told(world, world.host.orchestrator.resume(anyName(world))),

  async cancel(world) {
    const runs = await someRuns(world);
    void told(world, world.host.orchestrator.cancel(runs.map(({ id }) => id)));
  },

  async replay(world) {
    const runs = await someRuns(world);
    for (const { id } of runs) world.sink.replay(id);
    void replayed(world, world.host.orchestrator.replay(runs.map(({ id }) => id)));
  },

  async replayEdited(world) {
    const runs = await someRuns(world);
    const data = { edited: world.newUid() };
    const replaying = world.host.orchestrator.replay(
      runs.map(({ id }) => id),
      { data },
    );
    void replayed(world, replaying, (outcomes: readonly RunOutcome[]) => {
      for (const { run } of outcomes) if (run !== undefined) world.edited.set(run, data);
    });
  },

  async replayAll(world) {
    for (const { id } of await dead(world)) world.sink.replay(id);
    void replayed(world, world.host.orchestrator.replayAll({ state: "dead" }));
  },

  disk(world) {
    const { chance, journal } = world;
    const { faults } = journal;
    world.wasFaulty = true;
    faults.slow = chance.pick([0, 0.1, 0.5]);
    faults.fails = chance.pick([0, 0, 0.1, 0.4]);
    faults.failing = chance.pick([0, 0, 1, 3]);
  },

  heal({ journal: { faults } }) {
    Object.assign(faults, { slow: 0, fails: 0, failing: 0 });
  },

  die({ host }) {
    host.kill();
  },

  doom({ host, chance }) {
    host.countdown = chance.between(1, 60);
  },

  takeOver: (world) => world.startHost(),

  bury(world) {
    for (const host of world.hosts) if (host.superseded) host.kill();
  },

  async restart(world) {
    const { host } = world;
    await world.within(host, host.orchestrator.stop());
    if (!host.alive) return;
    if (!world.wasFaulty && !host.superseded) await checkSettled(world, host);
    host.exit();
  },

  removeProcess(world) {
    const { chance, processes, changing, host } = world;
    const name = chance.pick(["after", "work"]);
    if (!processes.has(name) || changing.has(name)) return;
    const open = chance.pick(["drain", "cancel", undefined] as const);
    const removing = removeProcess(world, host, name, open);
    void change(world, host, name, removing, () => processes.delete(name));
  },

  addProcess(world) {
    for (const name of ["work", "after"]) {
      if (world.processes.has(name) || world.changing.has(name)) continue;
      world.processes.set(name, world.settings());
      world.addProcess(name, world.host);
      for (const link of world.links) if (link.includes(name)) world.addLink(link, world.host);
    }
  },

  async replaceProcess(world) {
    const { chance, processes, host } = world;
    const name = chance.pick(["after", "work"]);
    if (!processes.has(name) || world.changing.size > 0) return;
    const settings = world.settings();
    const before = host.limits.get(name) as Limits;
    const edges = host.orchestrator.graph().edges;
    const becoming = host.orchestrator.change({
      add: { inputs: [], processes: [world.process(name, settings, host)] },
      remove: [],
      links: edges.map(({ from, to }) => ({ from, to })),
    });
    const failed = becoming.then(
      () => undefined,
      () => void host.limits.set(name, before),
    );
    // Nothing else may be changed meanwhile.
    const other = name === "work" ? "after" : "work";
    void change(world, host, other, failed, () => undefined);
    void change(
      world,
      host,
      name,
      becoming.then(() => undefined),
      () => processes.set(name, settings),
    );
  },

  changeLink({ links, host, inputs, processes, changing }) {
    const link = "source>after";
    if (!inputs.has("source") || !processes.has("after") || changing.size > 0) return;
    if (links.delete(link)) host.orchestrator.removeLink("source", "after");
    else {
      links.add(link);
      host.orchestrator.addLink("source", "after");
    }
  },

  changeInput(world) {
    const { inputs, host, changing } = world;
    const upstream = world.upstreams[1];
    if (upstream === undefined || changing.size > 0) return;
    if (!inputs.has("second")) {
      inputs.add("second");
      world.addInput(upstream, host);
      world.addLink("second>work", host);
      return;
    }
    void change(world, host, "second", host.orchestrator.removeInput("second"), () =>
      inputs.delete("second"),
    );
  },
};

/** What had ended when a host stopped over a disk that works is durable: it is not done again. */
async function checkSettled(world: World, host: Host): Promise<void> {
  for (const run of world.sink.unsettled(host)) {
    const state = (await world.journal.history.run(run))?.state;
    if (state !== undefined && !isFinal(state))
      world.breaks(`${run} is ${state}, though it had ended when its host stopped`);
  }
}

/** What was removed has no open runs, unless a disk that failed brings some later, or an operator opened one anew. */
async function checkGone(world: World, name: string): Promise<void> {
  if (world.wasFaulty) return;
  const { runs } = await world.journal.history.counters();
  const open = Object.entries(runs[name] ?? {}).filter(([state]) => !isFinal(state as RunState));
  if (open.length > 0) world.breaks(`process ${name} was removed and has open runs: ${JSON.stringify(open)}`);
}

/** Whoever began a removal goes on with it, though the disk fails. */
async function removeProcess(
  world: World,
  host: Host,
  name: string,
  open: "drain" | "cancel" | undefined,
): Promise<void> {
  const { replays, replaying } = world;
  for (;;) {
    try {
      await host.orchestrator.removeProcess(name, open === undefined ? {} : { open });
      const isUndisturbed = replaying === 0 && world.replays === replays;
      if (host.alive && !host.superseded && isUndisturbed) await checkGone(world, name);
      return;
    } catch (error) {
      if (!isSluiceError(error, "JOURNAL_IO") && !isSluiceError(error, "JOURNAL_FULL")) throw error;
      await new Promise<void>((resolve) => world.clock.setTimer(500, resolve));
    }
  }
}

/** A change of the pipeline: the config file has it once it is done, and a host that is gone does nothing more. */
async function change(
  world: World,
  host: Host,
  name: string,
  changing: Promise<void>,
  done: () => unknown,
): Promise<void> {
  host.changing.add(name);
  await told(world, changing, () => {
    if (world.host === host) done();
  });
  // A host that another one follows already knows better than the config file what it routes to.
  if (world.host === host) host.changing.delete(name);
}

/** An operator has runs replayed: until that is answered, and perhaps a while after, runs come up anew. */
async function replayed<Value>(
  world: World,
  replaying: Promise<Value>,
  hear?: (value: Value) => unknown,
): Promise<void> {
  world.replays += 1;
  world.replaying += 1;
  await told(world, replaying, hear);
  world.replaying -= 1;
}

/** Hears what a host answers, if it lives to answer; what it refuses must be refused for a reason. */
async function told<Value>(
  world: World,
  promise: Promise<Value>,
  hear?: (value: Value) => unknown,
): Promise<void> {
  const { host } = world;
  try {
    const value = await promise;
    if (host.alive) hear?.(value);
  } catch (error) {
    if (!EXPECTED.some((code) => isSluiceError(error, code)))
      world.breaks(`it rejects with ${String(error)}`);
  }
}

const EXPECTED = [
  "JOURNAL_IO",
  "JOURNAL_FULL",
  "JOURNAL_CLOSED",
  "NOT_RUNNING",
  "UNKNOWN_NAME",
  "OPEN_RUNS",
] as const;

function anyName(world: World): string {
  return world.chance.pick(["source", "second", "work", "after"]);
}

async function someRuns({ chance, journal }: World): Promise<RunRow[]> {
  const { items } = await journal.history.runs({ limit: 100 });
  if (items.length === 0) return [];
  return Array.from({ length: chance.between(1, 3) }, () => chance.pick(items));
}

export async function dead({ journal }: World): Promise<readonly RunRow[]> {
  return (await journal.history.runs({ limit: 1_000, state: "dead" })).items;
}

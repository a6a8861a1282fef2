import type { Process, ProcessSettings, RunContext } from "../../src/model/component.ts";
import { parseDuration } from "../../src/model/duration.ts";
import { PermanentError, Postponed, RetryAfter, type SluiceError } from "../../src/model/errors.ts";
import type { Event } from "../../src/model/event.ts";
import type { ProcessStatus } from "../../src/model/status.ts";
import { createUidSource } from "../../src/model/uid.ts";
import { createFakeClock, type FakeClock } from "../../src/testing/clock.ts";
import { throwWhenAborted } from "../support/engine.ts";
import { Chance, never } from "./chance.ts";
import { Host } from "./host.ts";
import { SimulatedJournal, type Settled } from "./journal.ts";
import { MOST_POSTPONED, graceOf, Sink, type Limits, type SeenAttempt } from "./sink.ts";
import { Upstream } from "./upstream.ts";

/** What holds for all of a seed. */
export interface Setup {
  readonly order: "key" | "none";
  readonly onDead: "continue" | "block";
  readonly total: number | undefined;
}

/** Every attempt of a process that others listen to emits as many. */
export const EMISSIONS = 2;

const LONGEST_WAIT = 1_800_000;

/** How an attempt behaves, and how often. */
const ACTS = {
  answer: 45,
  later: 20,
  throw: 8,
  fail: 3,
  never: 3,
  after: 3,
  postpone: 3,
  obey: 3,
  hang: 3,
  ignore: 3,
  now: 4,
  kill: 0.5,
} as const;

/** All there is around the pipeline: time, chance, the disk, the sources, the sink, and the hosts that come and go. */
export class World {
  readonly seed: number;
  readonly chance: Chance;
  readonly clock: FakeClock = createFakeClock();
  readonly sink: Sink = new Sink((what) => this.breaks(what));
  readonly broken: string[] = [];
  readonly journal: SimulatedJournal;
  readonly setup: Setup;
  readonly upstreams: readonly Upstream[] = [new Upstream("source"), new Upstream("second")];
  /** The pipeline as its config file has it. */
  readonly processes: Map<string, ProcessSettings> = new Map();
  readonly inputs: Set<string> = new Set(["source", "second"]);
  readonly links: Set<string> = new Set(["source>work", "second>work", "work>after"]);
  /** Clients that emit by themselves, and what was acknowledged to them. */
  readonly acknowledged: string[] = [];
  /** What the last attempt of each run was given. */
  readonly given: Map<string, unknown> = new Map();
  /** Runs that were replayed with another payload: what they must be given. */
  readonly edited: Map<string, unknown> = new Map();
  /** Runs that kill whatever host begins them. */
  readonly killers: Set<string> = new Set();
  /** Runs that were put off once are mostly put off again. */
  readonly putOff: Set<string> = new Set();
  readonly hosts: Host[] = [];
  /** How many hosts have died. */
  deaths: number = 0;
  /** Nothing goes wrong any more. */
  isCalm = false;
  /** The disk has been slow, or has failed. */
  wasFaulty = false;
  /** How often an operator had runs replayed. */
  replays = 0;
  /** How many of these are under way. */
  replaying = 0;
  readonly newUid: () => string;
  readonly #trace: string[] = [];
  #onCalm: (() => void)[] = [];

  constructor(seed: number) {
    this.seed = seed;
    const chance = (this.chance = new Chance(seed));
    const newUid = createUidSource(chance.random);
    this.newUid = () => newUid(this.clock.now());
    const settled = (one: Settled): void => {
      this.note(`${one.run.slice(-20)} is settled: ${one.outcome}, fence ${one.fence}`);
      this.sink.settled(one);
    };
    this.journal = new SimulatedJournal(this.clock, chance, settled, (what) => this.breaks(what));
    this.setup = {
      order: chance.pick(["key", "none"]),
      onDead: chance.happens(0.2) ? "block" : "continue",
      total: chance.pick([undefined, undefined, 1, 3, 5]),
    };
    for (const name of ["work", "after"]) this.processes.set(name, this.settings());
  }

  /** Names whose change is under way. */
  get changing(): Set<string> {
    return this.host.changing;
  }

  get host(): Host {
    return this.hosts.at(-1) as Host;
  }

  /** New settings for a process; its order stays, since runs that wait in a line know it. */
  settings(): ProcessSettings {
    const { chance, setup } = this;
    return {
      order: setup.order,
      onDead: setup.onDead,
      concurrency: chance.between(1, 4),
      grace: chance.pick(["500ms", "1s"]),
      ...(chance.happens(0.7) && { timeout: chance.pick(["600ms", "2s"]) }),
      ...(chance.happens(0.25) && { rate: chance.pick(["2/s", "5/s"]) }),
      retry: { attempts: chance.between(1, 4), initial: 200, max: "2s" },
    };
  }

  note(text: string): void {
    const time = String(Math.round(this.clock.monotonic())).padStart(7);
    this.#trace.push(`${time} ${text}`);
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  breaks(what: string): void {
    this.broken.push(what);
    this.note(`BROKEN: ${what}`);
  }

  /** A new process starts, over whatever the last one left. */
  async startHost(): Promise<void> {
    for (;;) {
      const host = new Host(this, this.hosts.length + 1);
      this.hosts.push(host);
      this.note(`host ${host.number} starts`);
      for (const upstream of this.upstreams) {
        if (this.inputs.has(upstream.name)) this.addInput(upstream, host);
      }
      for (const name of this.processes.keys()) this.addProcess(name, host);
      for (const link of this.links) this.addLink(link, host);
      const failed = await this.within(host, host.orchestrator.start()).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      if (!host.alive) continue;
      if (failed === undefined) return;
      this.note(`host ${host.number} could not start: ${failed.message}`);
      host.exit();
    }
  }

  addInput(upstream: Upstream, host: Host): void {
    host.orchestrator.addInput(
      upstream.input({
        chance: this.chance,
        get alive() {
          return host.alive;
        },
        routes: (input) => this.routes(input, host),
      }),
    );
  }

  addProcess(name: string, host: Host): void {
    if (host.orchestrator.state !== "new") host.added += 1;
    const process = this.process(name, this.processes.get(name) as ProcessSettings, host);
    host.orchestrator.addProcess(process);
  }

  process(name: string, settings: ProcessSettings, host: Host): Process {
    const limits: Limits = { settings, starts: [] };
    host.limits.set(name, limits);
    return { name, settings, run: (event, context) => this.#run(event, context, host, limits) };
  }

  /** A link of which an end is missing waits for it. */
  addLink(link: string, host: Host): void {
    const [from, to] = link.split(">") as [string, string];
    const isThere = (name: string): boolean => this.inputs.has(name) || this.processes.has(name);
    if (!isThere(from) || !isThere(to) || host.changing.has(from) || host.changing.has(to)) return;
    host.orchestrator.addLink(from, to);
  }

  routes(source: string, host: Host): ReadonlySet<string> {
    const linked = [...this.links].filter((link) => link.startsWith(`${source}>`));
    const names = linked.map((link) => link.slice(source.length + 1));
    return new Set(names.filter((name) => this.processes.has(name) && !host.changing.has(name)));
  }

  /** Lets time go on until it has come true or the host is gone; what takes for ever is broken. */
  async within<Value>(host: Host, promise: Promise<Value>): Promise<Value | undefined> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    promise.then(over, over);
    void host.died.then(over);
    for (let waited = 0; !isOver && waited < LONGEST_WAIT; waited += 500) await this.clock.advance(500);
    if (!isOver) throw new Error("it takes for ever");
    return host.alive ? promise : undefined;
  }

  calm(): void {
    this.isCalm = true;
    Object.assign(this.journal.faults, { slow: 0, fails: 0, failing: 0 });
    for (const resolve of this.#onCalm.splice(0)) resolve();
    this.note("from here on nothing goes wrong");
  }

  #run(event: Event, context: RunContext, host: Host, limits: Limits): Promise<ProcessStatus | void> | void {
    if (!host.alive) return never();
    if (host.superseded) return this.#haunt(context, host);
    const now = this.clock.monotonic();
    this.note(`${context.run.id.slice(-20)} begins, attempt ${context.attempt} in host ${host.number}`);
    const seen = this.sink.begin(context, event, host, limits, now);
    this.#checkTotal(host, now);
    this.#checkPaused(context, host);
    this.given.set(context.run.id, event.data);
    host.point("as an attempt begins");
    if (!host.alive) return never();
    const act: keyof typeof ACTS = this.isCalm
      ? this.chance.pick(["answer", "later"] as const)
      : this.killers.has(context.run.id)
        ? "kill"
        : this.putOff.has(context.run.id) && this.chance.happens(0.7)
          ? "postpone"
          : this.chance.weighted(ACTS);
    this.note(`  to ${act}, fence ${context.fence}`);
    if (act !== "answer") return this.#act(act, event, context, host, limits, seen);
    this.#do(event, context);
    this.sink.end(seen);
  }

  async #act(
    act: Exclude<keyof typeof ACTS, "answer">,
    event: Event,
    context: RunContext,
    host: Host,
    { settings }: Limits,
    seen: SeenAttempt,
  ): Promise<ProcessStatus | void> {
    const { signal } = context;
    signal.addEventListener("abort", () => {
      const { code } = signal.reason as SluiceError;
      if (code === "SHUTDOWN") this.sink.toldToStop(seen);
      else seen.freedAt = this.clock.monotonic() + graceOf(settings);
    });
    try {
      return await this.#behave(act, event, context, host, seen);
    } finally {
      if (host.alive) this.#checkTime(seen, settings, signal);
      if (host.alive) this.sink.end(seen);
      else await never();
    }
  }

  async #behave(
    act: Exclude<keyof typeof ACTS, "answer">,
    event: Event,
    context: RunContext,
    host: Host,
    seen: SeenAttempt,
  ): Promise<ProcessStatus | void> {
    const { emit, log, signal, run } = context;
    switch (act) {
      case "later":
        await this.#wait(this.chance.between(1, 800));
        log("done");
        return this.#do(event, context);
      case "throw":
        await this.#wait(this.chance.between(0, 50));
        emit({ id: "dropped" });
        throw new Error("thrown");
      case "fail":
        return { name: run.process, status: "fail", logs: ["it went wrong"] };
      case "never":
        throw new PermanentError("never");
      case "after":
        this.sink.tryAgainAt(seen, this.clock.monotonic() + 700);
        throw new RetryAfter("after", { delay: 700 });
      case "postpone":
        this.putOff.add(run.id);
        this.sink.tryAgainAt(seen, this.clock.monotonic() + 700);
        throw new Postponed("not now", {
          delay: 700,
          limit: MOST_POSTPONED,
          holdProcess: this.chance.happens(0.3),
        });
      case "obey":
        await Promise.race([throwWhenAborted(signal), this.#untilCalm()]);
        return this.#do(event, context);
      case "hang":
        await this.#untilCalm();
        return this.#do(event, context);
      case "ignore":
        await this.#wait(this.chance.between(1, 6_000));
        if (host.alive && this.clock.monotonic() > seen.freedAt) await this.#emitTooLate(context);
        return this.#do(event, context);
      case "now":
        await emit({ id: "now", key: event.key }, { now: true, key: "now" });
        if (this.chance.happens(0.5)) throw new Error("thrown after it emitted");
        return this.#do(event, context);
      case "kill":
        this.note(`host ${host.number} is killed by ${run.id.slice(-20)}`);
        if (this.chance.happens(0.5)) this.killers.add(run.id);
        host.kill();
        return never();
    }
  }

  /** An attempt that was given up: its slot is another's, and what it still emits must be refused. */
  async #emitTooLate({ emit, run }: RunContext): Promise<void> {
    const wasTaken = await emit({ id: "late" }, { now: true, key: "late" }).then(
      () => true,
      () => false,
    );
    if (wasTaken) this.breaks(`${run.id} emitted after it had ignored its signal for longer than its grace`);
  }

  /** An attempt in a host that has lost its journal: whatever it does must come to nothing. */
  async #haunt(context: RunContext, host: Host): Promise<void> {
    await this.#wait(100);
    if (!host.alive) return never();
    context.emit({ id: "haunted" });
    await context.emit({ id: "haunted" }, { now: true, key: "haunted" });
  }

  /** The work itself. */
  #do(event: Event, { run, fence, emit }: RunContext): void {
    this.sink.done.add(`${run.id} ${fence}`);
    if (run.process !== "work") return;
    for (let i = 0; i < EMISSIONS; i += 1) emit({ id: `${i}`, key: event.key, data: { fence } });
  }

  /** What is paused on the disk, and has been told to the host, begins nothing there. */
  #checkPaused({ run: { id, process } }: RunContext, host: Host): void {
    if (!host.paused.has(process) || !this.journal.inner.coordination.paused().has(process)) return;
    this.breaks(`${id} began though its process is paused`);
  }

  /** Whoever takes longer than its time-out was told so. */
  #checkTime({ run, begun }: SeenAttempt, { timeout }: ProcessSettings, signal: AbortSignal): void {
    if (timeout === undefined || signal.aborted) return;
    const lasted = this.clock.monotonic() - begun;
    if (lasted > parseDuration(timeout)) this.breaks(`${run} took ${lasted} ms and was not told to end`);
  }

  #checkTotal(host: Host, now: number): void {
    const { total } = this.setup;
    if (total === undefined) return;
    const slots = this.sink.slots(host, now);
    // Who is added gets a slot of its own at once, though the others still use all there are.
    if (slots > Math.max(total, this.processes.size) + host.added) {
      this.breaks(`${slots} attempts at a time under a total of ${total}`);
    }
  }

  #wait(delay: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(delay, resolve));
  }

  #untilCalm(): Promise<void> {
    if (this.isCalm) return Promise.resolve();
    return new Promise((resolve) => this.#onCalm.push(resolve));
  }
}

import type { Clock } from "../model/clock.ts";
import type { ComponentState, EmitOptions, Receipt } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { toEventRecord, type EventInit, type EventRecord } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";
import type { NewUid } from "../model/uid.ts";
import type { Append, AppendResult, StatePut, Work } from "../journal/work.ts";
import { publishDead } from "./dead-runs.ts";
import { eventAccepted, eventEmitting, eventRefused } from "./diagnostics.ts";
import type { EmissionWatch } from "./emission-watch.ts";
import { lacksHops, withHops, type Routing } from "./routing.ts";

export interface EmitterOptions {
  readonly pipeline: string;
  readonly work: Work;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly newUid: NewUid;
  /** @throws SluiceError UNKNOWN_NAME */
  readonly source: (name: string) => EmitSource;
}

/** In whose name events are emitted. */
export interface EmitSource {
  /** The operations that it lets through; `undefined` for all. */
  readonly operations: ReadonlySet<Operation> | undefined;
  /** Told of each of its events. @param now milliseconds since 1970 */
  heard(now: number): void;
}

const FILTERED = { duplicate: false, filtered: true } as const;

/** Takes events in: checks, routes and journals them. What it answers is durable. */
export class Emitter {
  readonly #options: EmitterOptions;
  /** By source; `undefined` while nobody watches, which is nearly always. */
  #watches: Map<string, EmissionWatch> | undefined;

  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  /** Tells `watch` of every event that is emitted in this name, as soon as that is called. */
  watch(name: string, watch: EmissionWatch): void {
    this.#watches ??= new Map();
    this.#watches.set(name, watch);
  }

  unwatch(name: string): void {
    this.#watches?.delete(name);
    if (this.#watches?.size === 0) this.#watches = undefined;
  }

  /** One promise an event: it is the hot path. What is wrong with the event is thrown at once. */
  emit(name: string, init: EventInit, options?: EmitOptions): Promise<Receipt> {
    const source = this.#options.source(name);
    const record = this.#toRecord(name, init);
    if (this.#watches !== undefined) this.#watches.get(name)?.saw(record);
    const state = statePuts(name, options?.state);
    const dedupe = checkDedupe(options?.dedupe) ?? uidGiven(init, record);
    if (!lacksHops(record)) return this.#commitOne(source, record, dedupe, state);
    return withHops([record], this.#options.work).then(([traced = record]) => {
      return this.#commitOne(source, traced, dedupe, state);
    });
  }

  async emitAll(name: string, inits: readonly EventInit[], options?: EmitOptions): Promise<Receipt[]> {
    const source = this.#options.source(name);
    let records: readonly EventRecord[] = inits.map((init) => this.#toRecord(name, init));
    const watch = this.#watches?.get(name);
    if (watch !== undefined) for (const record of records) watch.saw(record);
    if (records.some(lacksHops)) records = await withHops(records, this.#options.work);
    const appends: Append[] = [];
    for (const [i, record] of records.entries()) {
      if (passes(source, record)) appends.push(this.append(this.#placed(record), uidGiven(inits[i], record)));
    }
    const results = (await this.#commit(appends, statePuts(name, options?.state))).values();
    source.heard(this.#options.clock.now());
    return records.map((record) => {
      return passes(source, record) ? (results.next().value as Receipt) : { uid: record.uid, ...FILTERED };
    });
  }

  /** Emits what a survey has read: without a cause, unseen by its watch, and committed before anything is awaited. */
  async emitSurveyed(
    name: string,
    inits: readonly EventInit[],
    state: Readonly<Record<string, unknown>> | undefined,
  ): Promise<void> {
    const appends = inits.map((init) => {
      const record = this.#toRecord(name, init);
      return this.append(this.#placed(record), uidGiven(init, record));
    });
    await this.#commit(appends, statePuts(name, state));
  }

  /** The append of one event that is already checked. */
  append(event: EventRecord, dedupe?: string): Append {
    const runs = this.#options.routing.seeds(event);
    return dedupe === undefined ? { event, runs } : { event, runs, dedupe };
  }

  /** Journals one event that is already checked. */
  async emitRecord(event: EventRecord, dedupe: string): Promise<Receipt> {
    const [result] = await this.#commit([this.append(event, dedupe)], undefined);
    return result as Receipt;
  }

  /** The state of one component, kept under its name. */
  state(owner: string): ComponentState {
    const { work } = this.#options;
    return {
      async get(key) {
        const entry = await work.readState(owner, key);
        return entry && { value: JSON.parse(entry.value) as unknown, version: entry.version };
      },
      async put(key, value, ifVersion) {
        const put = { owner, key, value: stateText(owner, key, value) };
        await work.commit({ state: [ifVersion === undefined ? put : { ...put, ifVersion }] });
      },
    };
  }

  #toRecord(source: string, init: EventInit): EventRecord {
    const { clock, newUid } = this.#options;
    return toEventRecord(init, source, clock.now(), newUid);
  }

  #commitOne(
    source: EmitSource,
    record: EventRecord,
    dedupe: string | undefined,
    state: readonly StatePut[] | undefined,
  ): Promise<Receipt> {
    if (!passes(source, record)) return this.#filterOne(source, record, state);
    const append = [this.append(this.#placed(record), dedupe)];
    const committed = this.#options.work.commit(state === undefined ? { append } : { append, state });
    if (eventRefused.hasSubscribers) committed.catch((error: unknown) => this.#publishRefused(append, error));
    return committed.then((result) => {
      if (eventAccepted.hasSubscribers) this.#publish(append, result.append);
      publishDead(this.#options.pipeline, append, result.append);
      source.heard(this.#options.clock.now());
      return result.append[0] as Receipt;
    });
  }

  /** With its place in a trace, if somebody traces. */
  #placed(event: EventRecord): EventRecord {
    if (!eventEmitting.hasSubscribers) return event;
    let placed = event;
    const place = (traceparent: string): void => {
      placed = { ...event, cause: { ...(event.cause ?? { runs: [], hops: 0 }), traceparent } };
    };
    eventEmitting.publish({ pipeline: this.#options.pipeline, event, place });
    return placed;
  }

  #publishRefused(append: readonly Append[], error: unknown): void {
    for (const { event } of append) eventRefused.publish({ pipeline: this.#options.pipeline, event, error });
  }

  async #filterOne(
    source: EmitSource,
    { uid }: EventRecord,
    state: readonly StatePut[] | undefined,
  ): Promise<Receipt> {
    await this.#commit([], state);
    source.heard(this.#options.clock.now());
    return { uid, ...FILTERED };
  }

  async #commit(
    append: readonly Append[],
    state: readonly StatePut[] | undefined,
  ): Promise<readonly AppendResult[]> {
    if (append.length === 0 && state === undefined) return [];
    const committed = this.#options.work.commit(state === undefined ? { append } : { append, state });
    if (eventRefused.hasSubscribers) committed.catch((error: unknown) => this.#publishRefused(append, error));
    const { append: results } = await committed;
    if (eventAccepted.hasSubscribers) this.#publish(append, results);
    publishDead(this.#options.pipeline, append, results);
    return results;
  }

  #publish(append: readonly Append[], results: readonly AppendResult[]): void {
    for (const [i, { event, runs }] of append.entries()) {
      const processes = runs.map((run) => run.process);
      const duplicate = results[i]?.duplicate === true;
      eventAccepted.publish({ pipeline: this.#options.pipeline, event, duplicate, processes });
    }
  }
}

/** The uid, if the source gave it: who names an event may deliver it again. */
function uidGiven(init: EventInit | undefined, { uid }: EventRecord): string | undefined {
  return init?.uid === undefined ? undefined : uid;
}

/** JavaScript has no compiler that would say it. @throws SluiceError INVALID_OPTIONS */
function checkDedupe(dedupe: string | undefined): string | undefined {
  if (dedupe === undefined || (typeof dedupe === "string" && dedupe !== "")) return dedupe;
  throw new SluiceError(
    "INVALID_OPTIONS",
    "dedupe must be a text that names the delivery; leave it away for none",
  );
}

function passes(source: EmitSource, record: EventRecord): boolean {
  return source.operations === undefined || source.operations.has(record.operation);
}

function statePuts(
  owner: string,
  state: Readonly<Record<string, unknown>> | undefined,
): StatePut[] | undefined {
  if (state === undefined) return undefined;
  return Object.entries(state).map(([key, value]) => ({ owner, key, value: stateText(owner, key, value) }));
}

function stateText(owner: string, key: string, value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text !== undefined) return text;
  throw new SluiceError(
    "INVALID_OPTIONS",
    `the state "${key}" of "${owner}" is not JSON; to remove it, put null`,
  );
}

import type { Clock } from "../model/clock.ts";
import type { ComponentState, EmitOptions, Receipt } from "../model/component.ts";
import { SluiceError } from "../model/errors.ts";
import { toEventRecord, type EventInit, type EventRecord } from "../model/event.ts";
import type { Operation } from "../model/operation.ts";
import type { NewUid } from "../model/uid.ts";
import type { Append, AppendResult, StatePut, Work } from "../journal/work.ts";
import { eventAccepted } from "./diagnostics.ts";
import { withHops, type Routing } from "./routing.ts";

export interface EmitterOptions {
  readonly pipeline: string;
  readonly work: Work;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly newUid: NewUid;
  /** The operations that an input lets through; `undefined` for all. */
  readonly operations: (source: string) => ReadonlySet<Operation> | undefined;
}

const FILTERED = { duplicate: false, filtered: true } as const;

/** Takes events in: checks, routes and journals them. What it answers is durable. */
export class Emitter {
  readonly #options: EmitterOptions;

  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  async emit(source: string, init: EventInit, options?: EmitOptions): Promise<Receipt> {
    const record = await this.#toRecord(source, init);
    if (!this.#passes(source, record)) {
      if (options?.state !== undefined) await this.#commit([], statePuts(source, options.state));
      return { uid: record.uid, ...FILTERED };
    }
    const append = this.append(record, options?.dedupe);
    const [result] = await this.#commit([append], statePuts(source, options?.state));
    return result as Receipt;
  }

  async emitAll(source: string, inits: readonly EventInit[], options?: EmitOptions): Promise<Receipt[]> {
    if (inits.length === 1) return [await this.emit(source, inits[0] as EventInit, options)];
    const records = await Promise.all(inits.map((init) => this.#toRecord(source, init)));
    const appends: Append[] = [];
    const receipts: (Receipt | undefined)[] = records.map((record) => {
      if (!this.#passes(source, record)) return { uid: record.uid, ...FILTERED };
      appends.push(this.append(record));
      return undefined;
    });
    const results = (await this.#commit(appends, statePuts(source, options?.state))).values();
    return receipts.map((receipt) => receipt ?? (results.next().value as Receipt));
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

  /** Not `async` unless it must be: most events have no cause from outside. */
  #toRecord(source: string, init: EventInit): EventRecord | Promise<EventRecord> {
    const { clock, newUid, work } = this.#options;
    const record = toEventRecord(init, source, clock.now(), newUid);
    return record.cause === null ? record : withHops(record, work);
  }

  #passes(source: string, record: EventRecord): boolean {
    const operations = this.#options.operations(source);
    return operations === undefined || operations.has(record.operation);
  }

  async #commit(
    append: readonly Append[],
    state: readonly StatePut[] | undefined,
  ): Promise<readonly AppendResult[]> {
    if (append.length === 0 && state === undefined) return [];
    const { append: results } = await this.#options.work.commit(
      state === undefined ? { append } : { append, state },
    );
    if (eventAccepted.hasSubscribers) this.#publish(append, results);
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

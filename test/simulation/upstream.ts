import type { Input, InputContext, Receipt } from "../../src/model/component.ts";
import type { EventInit } from "../../src/model/event.ts";
import { untilAborted } from "../support/engine.ts";
import type { Chance } from "./chance.ts";

/** Something that happened outside, and that must not be lost. */
export interface Delivery {
  readonly id: string;
  readonly key: string;
  /** Set for those whose identity is the event's uid; the others have their id. */
  readonly uid: string | undefined;
  /** What the first receipt said. */
  receipt: Receipt | undefined;
  /** Processes that its input led to whenever it was emitted. */
  expected: ReadonlySet<string> | undefined;
}

export interface UpstreamHost {
  readonly alive: boolean;
  readonly chance: Chance;
  /** Processes to which events of an input go now. */
  routes(input: string): ReadonlySet<string>;
}

/** A source as Kafka or an outbox is one: it gives what was not acknowledged to it, again and again. */
export class Upstream {
  readonly name: string;
  readonly deliveries: Delivery[] = [];
  readonly broken: string[] = [];
  #arrived: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  arrive(delivery: Pick<Delivery, "id" | "key" | "uid">): void {
    this.deliveries.push({ ...delivery, receipt: undefined, expected: undefined });
    for (const wake of this.#arrived.splice(0)) wake();
  }

  get pending(): number {
    return this.deliveries.filter(({ receipt }) => receipt === undefined).length;
  }

  /** What listens to it, in one host. */
  input(host: UpstreamHost): Input {
    return {
      name: this.name,
      handle: async (context) => {
        while (!context.signal.aborted && host.alive) {
          const open = this.deliveries.filter(({ receipt }) => receipt === undefined).slice(0, 5);
          if (open.length === 0) await this.#arrival(context.signal);
          else if (host.chance.happens(0.3)) await this.#emitTogether(open, context, host);
          else await Promise.all(open.map((delivery) => this.#emit(delivery, context, host)));
        }
      },
    };
  }

  async #emit(delivery: Delivery, { emit }: InputContext, host: UpstreamHost): Promise<void> {
    const { id, uid } = delivery;
    this.#expect(delivery, host);
    const receipt = await emit(toEvent(delivery), uid === undefined ? { dedupe: id } : undefined);
    if (!host.alive) return;
    this.#expect(delivery, host);
    this.#acknowledge(delivery, receipt);
    // An acknowledgement may get lost, too: then it comes again.
    if (host.chance.happens(0.05)) this.#acknowledge(delivery, await emit(toEvent(delivery), { dedupe: id }));
  }

  async #emitTogether(
    all: readonly Delivery[],
    { emitAll }: InputContext,
    host: UpstreamHost,
  ): Promise<void> {
    const own = all.filter(({ uid }) => uid !== undefined);
    for (const delivery of own) this.#expect(delivery, host);
    const receipts = await emitAll(own.map(toEvent));
    if (!host.alive) return;
    for (const [i, delivery] of own.entries()) {
      this.#expect(delivery, host);
      this.#acknowledge(delivery, receipts[i] as Receipt);
    }
    if (own.length === 0) throw new Error("nothing to be emitted together");
  }

  #acknowledge(delivery: Delivery, receipt: Receipt): void {
    const { uid } = (delivery.receipt ??= receipt);
    if (receipt.uid !== uid)
      this.broken.push(`delivery ${delivery.id} has two events, ${uid} and ${receipt.uid}`);
  }

  /** Only what it was routed to at every moment in between is certain. */
  #expect(delivery: Delivery, host: UpstreamHost): void {
    const now = host.routes(this.name);
    const before = delivery.expected ?? now;
    delivery.expected = new Set([...before].filter((process) => now.has(process)));
  }

  async #arrival(signal: AbortSignal): Promise<void> {
    await Promise.race([new Promise<void>((resolve) => this.#arrived.push(resolve)), untilAborted(signal)]);
  }
}

function toEvent({ id, key, uid }: Delivery): EventInit {
  return uid === undefined ? { id, key } : { id, key, uid };
}

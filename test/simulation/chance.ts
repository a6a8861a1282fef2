import type { Random } from "../../src/model/uid.ts";
import { createSeededRandom } from "../support/engine.ts";

/** Decisions that repeat themselves for the same seed. */
export class Chance {
  readonly random: Random;

  constructor(seed: number) {
    this.random = createSeededRandom(seed);
  }

  /** Whether something happens that happens with this probability. */
  happens(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number from `from` up to and including `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)] as Item;
  }

  /** One of the names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
    return (entries.at(-1) as [Name, number])[0];
  }
}

/** What a dead host waits for. A new promise each time: one for all would hold on to every host that ever was. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}

import { stateConflict } from "../state-conflict.ts";
import type { StatePut, StateValue } from "../work.ts";

/** Pieces of state by owner and key. */
export class MemoryState {
  readonly #owners = new Map<string, Map<string, StateValue>>();

  get(owner: string, key: string): StateValue | undefined {
    return this.#owners.get(owner)?.get(key);
  }

  /** @throws SluiceError STATE_CONFLICT if one of them is not as it should be */
  check(puts: readonly StatePut[]): void {
    for (const { owner, key, ifVersion } of puts) {
      const found = this.get(owner, key)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== found) throw stateConflict(owner, key, ifVersion, found);
    }
  }

  put(puts: readonly StatePut[]): void {
    for (const { owner, key, value } of puts) {
      let keys = this.#owners.get(owner);
      if (keys === undefined) this.#owners.set(owner, (keys = new Map()));
      if (value === null) keys.delete(key);
      else keys.set(key, { value, version: (keys.get(key)?.version ?? 0) + 1 });
    }
  }
}

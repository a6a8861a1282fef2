import { hash } from "node:crypto";
import type { InputContext } from "../../model/component.ts";
import type { Validators } from "./fetch.ts";
import type { ResolvedOptions } from "./options.ts";
import { Seen } from "./seen.ts";

const CURSOR = "cursor";
const SEEN = "seen";
const VALIDATORS = "validators";

/** What a poll input keeps in the journal. Of another source, or of other items there, it knows nothing. */
export interface Memory {
  cursor: string | undefined;
  readonly seen: Seen;
  validators: Validators | undefined;
  /** What is to be kept together with events. */
  toKeep(changed: { readonly cursor?: boolean; readonly seen?: boolean }): Record<string, unknown>;
  /** Kept once everything that the answer holds is. */
  keepValidators(context: InputContext, validators: Validators | undefined): Promise<void>;
}

export async function readMemory(
  { state }: InputContext,
  options: ResolvedOptions,
  url: URL,
): Promise<Memory> {
  const { items, pick, version, cursor: asked } = options;
  // The answer to another question is not told apart by what was remembered of this one.
  const source = hash(
    "sha256",
    JSON.stringify([url.origin, url.pathname, items, pick, version]),
    "base64url",
  );
  const read = async (key: string): Promise<unknown> => {
    const kept = (await state.get(key))?.value as { source?: unknown; value?: unknown } | undefined;
    return kept?.source === source ? kept.value : undefined;
  };
  const wrap = (value: unknown): object => ({ source, value });
  const cursor = asked === undefined ? undefined : await read(CURSOR);
  const memory: Memory = {
    cursor: typeof cursor === "string" ? cursor : asked?.initial,
    seen: new Seen(options.remember, await read(SEEN)),
    validators: (await read(VALIDATORS)) as Validators | undefined,
    toKeep: (changed) => ({
      ...(changed.cursor === true && { [CURSOR]: wrap(memory.cursor) }),
      ...(changed.seen === true && { [SEEN]: wrap(memory.seen.entries()) }),
    }),
    async keepValidators(context, validators) {
      if (JSON.stringify(validators) === JSON.stringify(memory.validators)) return;
      memory.validators = validators;
      await context.state.put(VALIDATORS, wrap(validators ?? null));
    },
  };
  return memory;
}

import { sleep } from "../../../model/clock.ts";
import type { InputContext } from "../../../model/component.ts";
import { isSluiceError } from "../../../model/errors.ts";
import type { EventInit } from "../../../model/event.ts";

const REFUSED_PAUSE = 1_000;

/** So that a value reads the same whatever the role's or the database's defaults are. */
export const SESSION_SETTINGS = `
  set search_path = pg_catalog, pg_temp;
  set timezone = 'UTC';
  set datestyle = 'ISO';
  set intervalstyle = 'postgres';
  set bytea_output = 'hex';
  set extra_float_digits = 1;
  set default_transaction_read_only = off`;

/** Emits again what a busy journal refuses. @returns `false` if the signal aborted before it was kept. */
export async function emit(
  context: InputContext,
  events: readonly EventInit[],
  state: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  for (;;) {
    try {
      await context.emitAll(events, { state });
      return true;
    } catch (error) {
      if (!isSluiceError(error, "JOURNAL_BACKLOG")) throw error;
      context.log.warn(
        { input: context.name, code: error.code },
        `the slot waits for the journal: ${error.message}`,
      );
      await sleep(context.clock, REFUSED_PAUSE, context.signal);
      if (context.signal.aborted) return false;
    }
  }
}

import type { InputContext } from "../../../model/component.ts";
import { SluiceError } from "../../../model/errors.ts";
import type { ResolvedOptions } from "../options.ts";
import type { Action } from "../subscription.ts";

/** Captures from a logical slot until the signal aborts. */
export async function captureBySlot(
  _context: InputContext,
  _options: ResolvedOptions,
  _actions: readonly Action[],
): Promise<void> {
  throw new SluiceError("INVALID_OPTIONS", 'mode = "replication" is not there yet');
}

/** Looks whether the server and the role allow it. */
export async function checkSlot(_options: ResolvedOptions): Promise<void> {
  throw new SluiceError("INVALID_OPTIONS", 'mode = "replication" is not there yet');
}

/** Drops the slot and the publication. */
export async function uninstallSlot(
  _options: ResolvedOptions,
  _owner: { name: string; pipeline: string },
): Promise<void> {
  throw new SluiceError("INVALID_OPTIONS", 'mode = "replication" is not there yet');
}

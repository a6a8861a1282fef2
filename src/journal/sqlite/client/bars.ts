import { formatRunId } from "../../../model/run.ts";
import type { Control } from "../../work.ts";
import type { ControlMessage, TakenRun } from "../layout.ts";
import type { HeldClaim, WindowRun } from "./held-claim.ts";
import type { Windows } from "./windows.ts";

/**
 * Runs that are being ended from outside. From the moment of the call none of them is handed out, so that an
 * attempt cannot begin which nobody would tell to end.
 */
export class Bars {
  readonly #ids = new Map<string, number>();
  readonly #keys = new Map<number, number>();

  isBarred(run: WindowRun): boolean {
    if (this.#ids.size === 0 && this.#keys.size === 0) return false;
    return this.#keys.has(run.key) || this.#ids.has(idOf(run));
  }

  /** Bars what a control is about to end, and says which of it is taken. */
  prepare(control: Control, windows: Windows): ControlMessage {
    const taken = [...windows.claims].filter((claim) => concerns(control, claim)).map(toTaken);
    if (control.type === "cancel") add(this.#ids, control.run);
    if (control.type === "setAside") add(this.#keys, Number(control.run));
    if (control.type === "cancelOpen") windows.of(control.process).barred += 1;
    if (control.type === "cancel" || control.type === "setAside") windows.remove((run) => this.isBarred(run));
    return { control, floor: windows.fence, taken };
  }

  /** The control was carried out or refused. @param wasKept whether it could be tried at all */
  lift({ control }: ControlMessage, windows: Windows, wasKept: boolean): void {
    // What was handed back in the same batch, before this, stands in a window again.
    if (control.type === "cancel" || control.type === "setAside") windows.remove((run) => this.isBarred(run));
    if (control.type === "cancel") remove(this.#ids, control.run);
    if (control.type === "setAside") remove(this.#keys, Number(control.run));
    if (control.type === "cancelOpen") {
      const window = windows.of(control.process);
      window.barred -= 1;
      window.reset();
    }
    if (!wasKept && (control.type === "cancel" || control.type === "setAside")) windows.resetAll();
  }
}

function concerns(control: Control, claim: HeldClaim): boolean {
  if (control.type === "cancel")
    return control.run === formatRunId(claim.event.uid, claim.process, claim.replay);
  if (control.type === "setAside") return control.run === claim.key;
  return control.type === "cancelOpen" && control.process === claim.process;
}

function toTaken({ key, fence, attempt, takenAt }: HeldClaim): TakenRun {
  return { key, fence, attempt, startedAt: takenAt };
}

function idOf(run: WindowRun): string {
  return formatRunId(run.event.uid, run.process, run.replay);
}

function add<Key>(bars: Map<Key, number>, key: Key): void {
  bars.set(key, (bars.get(key) ?? 0) + 1);
}

function remove<Key>(bars: Map<Key, number>, key: Key): void {
  const count = (bars.get(key) ?? 1) - 1;
  if (count === 0) bars.delete(key);
  else bars.set(key, count);
}

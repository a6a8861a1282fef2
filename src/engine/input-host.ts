import type { Clock } from "../model/clock.ts";
import type { ComponentState, EmitOptions, Receipt } from "../model/component.ts";
import type { EngineView } from "../model/engine-view.ts";
import type { EventInit } from "../model/event.ts";
import type { Logger } from "../model/logger.ts";
import type { Redact } from "../model/mask.ts";
import type { Random } from "../model/uid.ts";
import type { Lease } from "../journal/coordination.ts";
import type { ErrorStream } from "./error-stream.ts";

/** What all inputs of an engine have in common. */
export interface InputHost {
  readonly pipeline: string;
  readonly journalId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly errors: ErrorStream;
  readonly redact: Redact;
  readonly engine: EngineView;
  logger(input: string): Logger;
  state(owner: string): ComponentState;
  lease(name: string, signal: AbortSignal): Promise<Lease | undefined>;
  emit(input: string, event: EventInit, options?: EmitOptions): Promise<Receipt>;
  emitAll(input: string, events: readonly EventInit[], options?: EmitOptions): Promise<Receipt[]>;
}

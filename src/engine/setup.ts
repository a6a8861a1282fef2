import type { Clock } from "../model/clock.ts";
import type { Logger } from "../model/logger.ts";
import type { Redact } from "../model/mask.ts";
import type { NewUid, Random } from "../model/uid.ts";
import type { Components } from "./components.ts";
import type { ErrorStream } from "./error-stream.ts";

/** What an orchestrator was told, before and while it runs. */
export interface Setup {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly newUid: NewUid;
  readonly logger: Logger;
  readonly errors: ErrorStream;
  readonly components: Components;
  readonly concurrency: number | undefined;
  /** Milliseconds. */
  readonly grace: number;
  readonly hopLimit: number;
  readonly redact: Redact;
}

import { createHash } from "node:crypto";

/** What a subscription owns in the source database, by name. */
export interface Subscription {
  readonly name: string;
  /** `sluice.outbox_…`: needs no quoting. */
  readonly outbox: string;
  readonly channel: string;
  /** Advisory lock of the one reader, held as long as its session. */
  readonly readerLock: AdvisoryLock;
  /** Advisory lock by which writers know whether the reader sleeps: it holds it then. */
  readonly sleepLock: AdvisoryLock;
}

export type AdvisoryLock = readonly [number, number];

/** Serialises what is created in the schema `sluice`. */
export const INSTALL_LOCK: AdvisoryLock = [0x51_1c_e0, 0];
const READER = 0x51_1c_e2;
const SLEEP = 0x51_1c_e3;

/** Names may be of any length and letters; a hash of them is neither. */
export function subscriptionOf(name: string): Subscription {
  const hash = createHash("sha256").update(name).digest();
  const short = hash.toString("hex", 0, 8);
  const number = hash.readInt32BE(8);
  return {
    name,
    outbox: `sluice.outbox_${short}`,
    channel: `sluice_${short}`,
    readerLock: [READER, number],
    sleepLock: [SLEEP, number],
  };
}

export const ACTIONS = ["insert", "update", "delete", "truncate"] as const;
export type Action = (typeof ACTIONS)[number];

/** The trigger function of an action: `sluice.capture_…`. */
export function functionName(subscription: Subscription, action: Action): string {
  return `${subscription.outbox.replace("outbox", "capture")}_${action}`;
}

/** The trigger of an action, the same name on every table. */
export function triggerName(subscription: Subscription, action: Action): string {
  return `${subscription.channel}_${action}`;
}

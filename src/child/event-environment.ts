/** Where a job in a container finds its event. */
export const EVENT_FOLDER = "/sluice";

/** Linux takes no string longer than 128 KiB (MAX_ARG_STRLEN, execve(2)) in an environment, its name included. */
const LONGEST_VARIABLE = 128 * 1024 - 100;
/** All of the environment and arguments together must fit too: a larger event is a file only. */
const LARGEST_IN_ENVIRONMENT = 64 * 1024;

/** For which attempt of which run a job works. */
export interface JobIdentity {
  readonly run: string;
  readonly attempt: number;
  readonly fence: number;
  /** The event's uid. */
  readonly event: string;
  readonly traceparent: string;
}

/** Whether an event, as JSON, is small enough for a variable. */
export function fitsEnvironment(event: string): boolean {
  return Buffer.byteLength(event) <= LARGEST_IN_ENVIRONMENT;
}

/** The variables of a job in a container: what was configured, its event, and who it is. Nothing of the host's own. */
export function eventEnvironment(
  identity: JobIdentity,
  configured: Readonly<Record<string, string>>,
  event: string,
): Record<string, string> {
  const base64 = Buffer.from(event).toString("base64");
  return {
    ...configured,
    ...(fitsEnvironment(event) && { SLUICE_EVENT: event }),
    // For images written for the Go engine that came before.
    ...(base64.length <= LONGEST_VARIABLE && { PIPELINE_EVENT: base64 }),
    SLUICE_EVENT_FILE: `${EVENT_FOLDER}/event.json`,
    SLUICE_EVENT_UID: identity.event,
    SLUICE_RUN: identity.run,
    SLUICE_ATTEMPT: String(identity.attempt),
    SLUICE_FENCE: String(identity.fence),
    TRACEPARENT: identity.traceparent,
  };
}

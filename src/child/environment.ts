/** What a child is told of the attempt that it works for. */
export interface ChildIdentity {
  readonly run: string;
  readonly attempt: number;
  readonly fence: number;
  readonly event: string;
  readonly traceparent: string;
  /** Marks the child, and whatever it starts, so that {@link endChildrenOf} can find them. */
  readonly journal: string | undefined;
  /** Marks whose child it is; see `ownMark`. */
  readonly owner: string | null;
}

/** What programs need to find their way; nothing else of our environment is anybody's business. */
const INHERITED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|SYSTEMROOT|COMSPEC|PATHEXT|TEMP|TMP)$/i;

/** The whole environment of a child: a little of ours, what was configured, and who it is. */
export function childEnvironment(
  identity: ChildIdentity,
  configured: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const inherited = Object.entries(own).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && INHERITED.test(entry[0]),
  );
  return {
    ...Object.fromEntries(inherited),
    ...configured,
    SLUICE_RUN: identity.run,
    SLUICE_ATTEMPT: String(identity.attempt),
    SLUICE_FENCE: String(identity.fence),
    SLUICE_EVENT_UID: identity.event,
    TRACEPARENT: identity.traceparent,
    ...(identity.journal !== undefined && { SLUICE_JOURNAL: identity.journal }),
    ...(identity.owner !== null && { SLUICE_OWNER: identity.owner }),
  };
}

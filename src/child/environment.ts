/** What a child is told of the attempt that it works for. */
export interface ChildIdentity {
  readonly run: string;
  readonly attempt: number;
  readonly fence: number;
  readonly event: string;
  readonly traceparent: string;
  /** Marks the child, and whatever it starts, so that `endChildrenOf` can find them. */
  readonly journal: string | undefined;
  /** Marks whose child it is; see `ownMark`. */
  readonly owner: string | null;
}

/** What programs need to find their way; nothing else of our environment is anybody's business. */
const INHERITED =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|SYSTEMROOT|COMSPEC|PATHEXT|TEMP|TMP)$/i;

/** The whole environment of an attempt's child: a little of ours, what was configured, and who it is. */
export function childEnvironment(
  identity: ChildIdentity,
  configured: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  return {
    ...baseEnvironment(configured, own),
    SLUICE_RUN: identity.run,
    SLUICE_ATTEMPT: String(identity.attempt),
    SLUICE_FENCE: String(identity.fence),
    SLUICE_EVENT_UID: identity.event,
    TRACEPARENT: identity.traceparent,
    ...marks(identity),
  };
}

/** For which input a child listens. */
export interface ListenerIdentity extends Pick<ChildIdentity, "journal" | "owner"> {
  readonly input: string;
  readonly pipeline: string;
  /** As JSON; `undefined` if there is none yet. */
  readonly cursor: string | undefined;
}

/** The whole environment of an input's child. */
export function listenerEnvironment(
  identity: ListenerIdentity,
  configured: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  return {
    ...baseEnvironment(configured, own),
    SLUICE_INPUT: identity.input,
    SLUICE_PIPELINE: identity.pipeline,
    ...(identity.cursor !== undefined && { SLUICE_CURSOR: identity.cursor }),
    ...marks(identity),
  };
}

function baseEnvironment(
  configured: Readonly<Record<string, string>>,
  own: NodeJS.ProcessEnv,
): Record<string, string> {
  const inherited = Object.entries(own).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && INHERITED.test(entry[0]),
  );
  return { ...Object.fromEntries(inherited), ...configured };
}

function marks({ journal, owner }: Pick<ChildIdentity, "journal" | "owner">): Record<string, string> {
  return {
    ...(journal !== undefined && { SLUICE_JOURNAL: journal }),
    ...(owner !== null && { SLUICE_OWNER: owner }),
  };
}

import { sleep } from "../../../model/clock.ts";
import type { InputContext } from "../../../model/component.ts";
import { parseDuration } from "../../../model/duration.ts";
import type { PgClient } from "../../../postgres/driver.ts";
import { GATHER, QUERY_TIMEOUT, becomeReader, captureAgain, withConnection } from "../connection.ts";
import type { ResolvedOptions } from "../options.ts";
import { createShapes } from "../shapes.ts";
import { subscriptionOf, type Action } from "../subscription.ts";
import { toEvents } from "./changes.ts";
import { SESSION_SETTINGS, emit } from "./emit.ts";
import { createPublication } from "./publication.ts";
import { createChangeQueue, type ChangeQueue } from "./queue.ts";
import {
  STATE_KEY,
  createSlot,
  describeSource,
  examineSlot,
  untilReleased,
  type SlotRecord,
  type Source,
} from "./slot.ts";
import { readSnapshot } from "./snapshot.ts";
import {
  connectForReplication,
  destroyConnection,
  formatPosition,
  parsePosition,
  startStream,
  type Stream,
} from "./stream.ts";
import { createRowWriter } from "./values.ts";
import { createWatch } from "./watch.ts";

/** How often a position is kept when nothing but keepalives comes. */
const IDLE_INTERVAL = 5_000;

/**
 * Captures from a logical slot until the signal aborts, over lost connections. A position is confirmed to the server once the journal has
 * every event up to it, and remembers the position itself; so the slot is never ahead of the journal.
 *
 * @param silenceLimit a stream without a sign of life for so many milliseconds is taken for dead
 * @throws SluiceError SOURCE_UNAVAILABLE, SUBSCRIPTION_OWNED, SQL_FAILED
 */
export async function captureBySlot(
  context: InputContext,
  options: ResolvedOptions,
  actions: readonly Action[],
  silenceLimit: number = QUERY_TIMEOUT,
): Promise<void> {
  await captureAgain(context, (proven) =>
    withConnection(context, options, QUERY_TIMEOUT, async (client, how) => {
      await client.query(SESSION_SETTINGS);
      const walsender = await connectForReplication(how);
      try {
        await walsender.query(SESSION_SETTINGS);
        await useConnections({ context, options, actions, client, walsender, silenceLimit, proven });
      } finally {
        destroyConnection(walsender);
      }
    }),
  );
}

interface Connections {
  readonly context: InputContext;
  readonly options: ResolvedOptions;
  readonly actions: readonly Action[];
  readonly client: PgClient;
  readonly walsender: PgClient;
  readonly silenceLimit: number;
  readonly proven: () => void;
}

async function useConnections(connections: Connections): Promise<void> {
  const { context, options, actions, client, walsender, silenceLimit, proven } = connections;
  const name = options.subscription ?? `${context.pipeline}/${context.name}`;
  if (!(await becomeReader(context, client, subscriptionOf(name)))) return;
  const source = await describeSource(client, options, name);
  const record = (await context.state.get(STATE_KEY))?.value as SlotRecord | undefined;
  const reached = await examineSlot(context, client, options, source, record);
  await createPublication(client, source.publication, context.journalId, actions, source.version);
  const watch = createWatch(context, client, source, options, actions);
  let coverage = await watch();
  const position = reached ?? (await startSlot(context, options, client, walsender, source));
  await untilReleased(context, client, source.slot);
  if (context.signal.aborted) return;

  const queue = createChangeQueue(`${source.system} ${source.database} ${name}`);
  const messages = source.version >= 140_000 ? ", messages 'true'" : "";
  const stream = startStream(
    walsender,
    source.slot,
    `proto_version '1', publication_names '${source.publication}'${messages}`,
    queue,
  );
  queue.attach(stream);
  proven();
  if (coverage) context.ready();
  await pump({
    context,
    options,
    client,
    source,
    queue,
    stream,
    silenceLimit,
    position: parsePosition(position),
    async maintain() {
      const isCovered = await watch();
      if (isCovered && !coverage) context.ready();
      coverage ||= isCovered;
    },
  });
}

async function startSlot(
  context: InputContext,
  options: ResolvedOptions,
  client: PgClient,
  walsender: PgClient,
  source: Source,
): Promise<string> {
  const { system, database, slot } = source;
  const record = { system, database, slot };
  if (options.snapshot === "initial") {
    await context.state.put(STATE_KEY, { ...record, confirmed: "0/0", snapshot: "pending" });
    const confirmed = await readSnapshot(context, options, walsender, source);
    if (!context.signal.aborted) await context.state.put(STATE_KEY, { ...record, confirmed });
    return confirmed;
  }
  const confirmed = await createSlot(client, source);
  await context.state.put(STATE_KEY, { ...record, confirmed });
  return confirmed;
}

interface Pump {
  readonly context: InputContext;
  readonly options: ResolvedOptions;
  readonly client: PgClient;
  readonly source: Source;
  readonly queue: ChangeQueue;
  readonly stream: Stream;
  readonly silenceLimit: number;
  readonly position: bigint;
  readonly maintain: () => Promise<void>;
}

/** Takes what comes, hands it to the journal, and confirms it, until the signal aborts or the stream ends. */
async function pump({
  context,
  options,
  client,
  source,
  queue,
  stream,
  silenceLimit,
  maintain,
  ...start
}: Pump): Promise<void> {
  const { clock, signal } = context;
  const shapes = createShapes(client, clock);
  const writer = createRowWriter(client);
  const interval = parseDuration(options.pollInterval);
  const { system, database, slot } = source;
  let { position } = start;
  let confirmed = position;
  let keptAt = clock.monotonic();
  let heardAt = clock.monotonic();
  let maintainAt = clock.monotonic() + interval;
  let failure: Error | undefined;
  let isBusy = false;
  let wake: () => void = nothing;
  queue.onArrival = () => {
    heardAt = clock.monotonic();
    wake();
  };
  void stream.ended
    .then(
      () => (failure = new Error("the server ended the replication stream")),
      (error: Error) => (failure = error),
    )
    .finally(() => wake());
  signal.addEventListener("abort", () => wake(), { once: true });
  const stateAt = (at: bigint): Record<string, unknown> => ({
    [STATE_KEY]: { system, database, slot, confirmed: formatPosition(at) },
  });
  // While the journal is busy, too, the server must hear from us.
  const heartbeat = setInterval(
    () => failure === undefined && stream.confirm(confirmed),
    Math.min(interval, 5_000),
  );
  heartbeat.unref();

  try {
    while (!signal.aborted) {
      if (failure !== undefined) throw failure;
      const now = clock.monotonic();
      if (now >= maintainAt) {
        await maintain();
        maintainAt = clock.monotonic() + interval;
        if (queue.isEmpty && now - heardAt > silenceLimit)
          throw new Error("the replication stream fell silent");
      }
      const batch = queue.take(options.batchSize);
      const reached = batch.position ?? position;
      if (reached > position) position = reached;
      if (batch.changes.length > 0) {
        const events = await toEvents(batch.changes, shapes, writer, options);
        if (!(await emit(context, events, position > confirmed ? stateAt(position) : {}))) return;
        // While the journal was busy, nothing was read: that was no silence of the server.
        heardAt = clock.monotonic();
        if (position > confirmed) {
          confirmed = position;
          keptAt = clock.monotonic();
          stream.confirm(confirmed);
        }
        if (isBusy && batch.changes.length < options.batchSize / 2) await sleep(clock, GATHER, signal);
        isBusy = true;
        continue;
      }
      isBusy = false;
      if (position > confirmed && clock.monotonic() - keptAt >= Math.min(IDLE_INTERVAL, interval)) {
        await context.state.put(STATE_KEY, stateAt(position)[STATE_KEY]);
        confirmed = position;
        keptAt = clock.monotonic();
        stream.confirm(confirmed);
      }
      if (!queue.isEmpty) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, maintainAt - clock.monotonic()));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (signal.aborted || failure !== undefined || !queue.isEmpty) wake();
      });
    }
  } finally {
    clearInterval(heartbeat);
  }
}

function nothing(): void {
  // Nobody waits.
}

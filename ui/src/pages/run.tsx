import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { get, post, segment } from "../api.ts";
import { formatDuration, visible } from "../format.ts";
import { RUN_TONES } from "../health.ts";
import { useMay } from "../live.ts";
import { act, ErrorBox, State, Time } from "../parts/basics.tsx";
import { EditDialog, replay } from "../parts/edit.tsx";
import { EventData, EventFacts } from "../parts/event.tsx";
import { Logs } from "../parts/logs.tsx";
import { Pending, Sheet } from "../parts/sheet.tsx";
import { Timeline, type Lane } from "../parts/timeline.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { href } from "../router.ts";
import { ACTS_ON, isSettled } from "../run-states.ts";
import type { AttemptRow, EventRow, Journey, Page, RunDetail, RunRow } from "../types.ts";

/** One run: what became of it, attempt by attempt, what it logged, and what it was given. */
export function RunPage({ id }: { id: string }): VNode {
  const path = `runs/${segment(id)}`;
  const run = useLoaded((signal) => get<RunDetail>(path, {}, signal), [id]);
  const row = run.value;
  const event = useLoaded(
    async (signal) =>
      row === undefined ? undefined : get<Journey>(`events/${segment(row.event)}`, {}, signal),
    [row?.event],
  );
  const attempts = useLoaded((signal) => get<Page<AttemptRow>>(`${path}/attempts`, {}, signal), [id]);
  const reload = (): void => {
    run.reload();
    attempts.reload();
  };
  useStream(["runs", "progress", "hello"], reload, row === undefined || !isSettled(row.state));
  if (row === undefined) return <Pending error={run.error} />;
  return (
    <Sheet
      title={visible(row.process)}
      about={<code>{visible(row.id)}</code>}
      actions={<Actions row={row} onDone={reload} />}
    >
      <div class="two">
        <div class="stack">
          <section class="card pad">
            <h2>State</h2>
            <Facts row={row} />
            {row.error !== null && <ErrorBox error={row.error} />}
          </section>
          <section class="card pad">
            <h2>Attempts</h2>
            <Attempts attempts={attempts.value?.items ?? []} last={row.error?.message} />
          </section>
        </div>
        <EventCard event={event.value?.event} run={row} />
      </div>
      <section class="card pad">
        <h2>Logs</h2>
        <Logs run={row.id} isLive={!isSettled(row.state)} state={row.state} />
      </section>
    </Sheet>
  );
}

function Facts({ row }: { row: RunRow }): VNode {
  return (
    <dl class="dl">
      <dt>State</dt>
      <dd>
        <State tone={RUN_TONES[row.state]}>{row.state}</State>
      </dd>
      <dt>Attempts</dt>
      <dd>{row.attempts}</dd>
      {row.dueAt !== null && (
        <>
          <dt>Due</dt>
          <dd>
            <Time at={row.dueAt} />
          </dd>
        </>
      )}
      <dt>Last started</dt>
      <dd>
        <Time at={row.startedAt} />
      </dd>
      <dt>Finished</dt>
      <dd>{row.finishedAt === null ? <span class="muted">not yet</span> : <Time at={row.finishedAt} />}</dd>
      {row.replayOf !== null && (
        <>
          <dt>Replay of</dt>
          <dd>
            <a href={href("run", row.replayOf)}>{visible(row.replayOf)}</a>
          </dd>
        </>
      )}
    </dl>
  );
}

/** A run with an edited payload shows that: it is what its process was given. */
function EventCard({ event, run }: { event: EventRow | undefined; run: RunDetail }): VNode {
  const isEdited = "data" in run;
  return (
    <section class="card pad">
      <h2>Event</h2>
      {event === undefined ? (
        <p class="muted">Loading…</p>
      ) : (
        <>
          <EventFacts event={event} />
          <h3>{isEdited ? "Data, as edited for this run" : "Data"}</h3>
          <EventData data={isEdited ? run.data : event.data} />
        </>
      )}
    </section>
  );
}

function Actions({ row, onDone }: { row: RunRow; onDone: () => void }): VNode | null {
  const [isEditing, setEditing] = useState(false);
  const path = `runs/${segment(row.id)}`;
  if (!useMay("operator")) return null;
  return (
    <div class="row">
      {ACTS_ON.cancel.has(row.state) && (
        <button
          class="btn risk"
          type="button"
          onClick={() => void act("The run is cancelled", () => post(`${path}/cancel`)).then(onDone)}
        >
          {row.state === "dead" ? "Give up" : "Cancel"}
        </button>
      )}
      {ACTS_ON.replay.has(row.state) && (
        <>
          <button class="btn" type="button" onClick={() => setEditing(true)}>
            Edit and replay…
          </button>
          <button class="btn main" type="button" onClick={() => void replay(row.id, {}, onDone)}>
            Replay
          </button>
        </>
      )}
      {isEditing && <EditDialog run={row} onClose={() => setEditing(false)} onDone={onDone} />}
    </div>
  );
}

const OUTCOME_TONES = {
  running: "busy",
  succeeded: "ok",
  failed: "bad",
  cancelled: "idle",
  released: "idle",
  abandoned: "warn",
  postponed: "idle",
} as const;

/** An error that is the run's own was told above. */
function Attempts({ attempts, last }: { attempts: readonly AttemptRow[]; last: string | undefined }): VNode {
  if (attempts.length === 0) return <p class="muted">None has begun.</p>;
  const lanes: Lane[] = attempts.map((attempt) => ({
    key: String(attempt.attempt),
    depth: 0,
    name: `Attempt ${attempt.attempt}`,
    detail: attempt.outcome,
    tone: OUTCOME_TONES[attempt.outcome],
    from: Date.parse(attempt.startedAt),
    to: attempt.finishedAt === null ? Date.now() : Date.parse(attempt.finishedAt),
    note: attempt.finishedAt === null ? "running" : spanOf(attempt),
  }));
  return (
    <>
      <Timeline label="Attempts of this run" lanes={lanes} />
      {attempts
        .filter(({ error }) => error !== null && error.message !== last)
        .map(({ attempt, error }) => (
          <div key={attempt}>
            <h3>Attempt {attempt}</h3>
            {error !== null && <ErrorBox error={error} />}
          </div>
        ))}
    </>
  );
}

function spanOf({ startedAt, finishedAt }: AttemptRow): string {
  return formatDuration(Date.parse(finishedAt ?? startedAt) - Date.parse(startedAt));
}

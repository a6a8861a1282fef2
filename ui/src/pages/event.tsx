import type { VNode } from "preact";
import { get } from "../api.ts";
import { formatClock, formatDuration, visible } from "../format.ts";
import { RUN_TONES } from "../health.ts";
import { readJourney, type Step } from "../journey.ts";
import { Empty, Trouble } from "../parts/basics.tsx";
import { EventData, EventFacts } from "../parts/event.tsx";
import { RunsTable } from "../parts/runs-table.tsx";
import { Pending, Sheet } from "../parts/sheet.tsx";
import { Table } from "../parts/table.tsx";
import { Timeline, type Lane } from "../parts/timeline.tsx";
import { useLoaded, useStream } from "../parts/use.ts";
import { href } from "../router.ts";
import type { EventRow, Page } from "../types.ts";

/** One event's journey: from what set it off to the last thing that it caused, with times. */
export function EventPage({ uid }: { uid: string }): VNode {
  const { value, error, reload } = useLoaded((signal) => readJourney(uid, signal), [uid]);
  const isOpen = value?.steps.some((step) => step.kind === "run" && step.run.finishedAt === null) ?? true;
  useStream(["runs", "events", "hello"], reload, isOpen);
  if (value === undefined) return <Pending error={error} />;
  const own = value.steps.find((step) => step.kind === "event" && step.event.uid === uid);
  const event = own?.kind === "event" ? own.event : undefined;
  const runs = value.steps.flatMap((step) =>
    step.kind === "run" && step.run.event === uid ? [step.run] : [],
  );
  return (
    <Sheet
      title={event === undefined ? "Event" : visible(`${event.operation} ${event.location}/${event.id}`)}
      about={<code>{visible(uid)}</code>}
    >
      <section class="card pad">
        <h2>Journey</h2>
        <Timeline
          label="Journey of this event"
          lanes={value.steps.map((step) => toLane(step, value.steps))}
        />
        {value.isCut && (
          <p class="muted">It caused more than is drawn here; open an event further down to go on.</p>
        )}
      </section>
      <div class="two">
        <section class="card pad">
          <h2>Event</h2>
          {event !== undefined && <EventFacts event={event} />}
        </section>
        <section class="card pad">
          <h2>Data</h2>
          <EventData data={event?.data} />
        </section>
      </div>
      <section class="card">
        {runs.length === 0 ? (
          <Empty title="No runs">No link matched this event.</Empty>
        ) : (
          <RunsTable runs={runs} />
        )}
      </section>
    </Sheet>
  );
}

function toLane(step: Step, all: readonly Step[]): Lane {
  const { depth, parent } = step;
  const linked = { depth, ...(parent !== undefined && { parent }) };
  if (step.kind === "event") {
    const { event } = step;
    const at = Date.parse(event.time);
    return {
      ...linked,
      key: event.uid,
      name: event.trigger,
      detail: `${event.operation} ${event.location}/${event.id}`,
      tone: "busy",
      from: at,
      to: at,
      note: formatClock(event.time),
      href: href("event", event.uid),
      isMoment: true,
    };
  }
  const { run } = step;
  const source = parent === undefined ? undefined : all[parent];
  const sourceTime = source?.kind === "event" ? Date.parse(source.event.time) : Date.now();
  const from = run.startedAt === null ? sourceTime : Date.parse(run.startedAt);
  const to = run.finishedAt === null ? Math.max(from, Date.now()) : Date.parse(run.finishedAt);
  return {
    ...linked,
    key: run.id,
    name: run.process,
    detail: run.attempts > 1 ? `${run.state}, ${run.attempts} attempts` : run.state,
    tone: RUN_TONES[run.state],
    from,
    to,
    note: run.finishedAt === null ? run.state : formatDuration(to - from),
    href: href("run", run.id),
  };
}

/** The newest events, for whoever looks for one. */
export function EventsPage(): VNode {
  const { value, error, reload } = useLoaded(
    (signal) => get<Page<EventRow>>("events", { limit: 50 }, signal),
    [],
  );
  useStream(["events", "hello"], reload);
  const rows = value?.items ?? [];
  return (
    <Sheet title="Events" about="What the inputs saw, newest first. Open one to follow it.">
      {error !== undefined && <Trouble error={error} />}
      <div class="card">
        {value !== undefined && rows.length === 0 ? (
          <Empty title="No events yet" />
        ) : (
          <EventTable rows={rows} />
        )}
      </div>
    </Sheet>
  );
}

const COLUMNS = { Event: "", Operation: "", From: "", "Caused by": "", Time: "" } as const;

function EventTable({ rows }: { rows: readonly EventRow[] }): VNode {
  return (
    <Table label="Events" columns={COLUMNS}>
      {rows.map(({ uid, operation, location, id, trigger, time, cause }) => (
        <tr key={uid}>
          <td>
            <a class="cut" href={href("event", uid)}>
              {visible(`${location}/${id}`)}
            </a>
          </td>
          <td>{visible(operation)}</td>
          <td>{visible(trigger)}</td>
          <td>
            {cause?.runs[0] !== undefined && (
              <a href={href("run", cause.runs[0])}>{visible(cause.runs[0].split("/")[1] ?? cause.runs[0])}</a>
            )}
          </td>
          <td class="muted nowrap">{formatClock(time)}</td>
        </tr>
      ))}
    </Table>
  );
}

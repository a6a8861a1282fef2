import type { VNode } from "preact";
import { shortUid, visible } from "../format.ts";
import { href } from "../router.ts";
import type { EventRow } from "../types.ts";
import { Time } from "./basics.tsx";
import { JsonTree } from "./json.tsx";

export function EventFacts({ event }: { event: EventRow }): VNode {
  return (
    <dl class="dl">
      <dt>Event</dt>
      <dd>
        <a class="mono" href={href("event", event.uid)}>
          {shortUid(event.uid)}
        </a>{" "}
        <span class="muted">
          <Time at={event.time} />
        </span>
      </dd>
      <dt>What</dt>
      <dd>{visible(`${event.operation} ${event.location}`)}</dd>
      <dt>Record</dt>
      <dd>{visible(event.id)}</dd>
      <dt>From</dt>
      <dd>{visible(event.trigger)}</dd>
      {event.key !== undefined && (
        <>
          <dt>Key</dt>
          <dd>{visible(event.key)}</dd>
        </>
      )}
      {Object.entries(event.headers ?? {}).map(([name, value]) => (
        <>
          <dt>{visible(name)}</dt>
          <dd>{visible(value)}</dd>
        </>
      ))}
    </dl>
  );
}

export function EventData({ data }: { data: unknown }): VNode {
  return data === undefined ? <p class="muted">No payload.</p> : <JsonTree value={data} />;
}

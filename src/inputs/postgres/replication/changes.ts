import type { EventInit } from "../../../model/event.ts";
import { formatTable } from "../../../postgres/names.ts";
import type { ResolvedOptions } from "../options.ts";
import { toEventInit } from "../rows.ts";
import type { Shapes } from "../shapes.ts";
import type { Message, Tuple } from "./pgoutput.ts";
import type { RowWriter, WrittenRow } from "./values.ts";

/** A change with its identity and its cause, before its rows are written. */
export interface Change {
  readonly uid: string;
  readonly cause: string | null;
  readonly message: Extract<Message, { kind: "change" | "truncate" }>;
}

interface Prepared {
  readonly uid: string;
  readonly cause: string | null;
  readonly operation: "i" | "u" | "d" | "t";
  readonly relation: WrittenRow["relation"];
  readonly old: WrittenRow | null;
  readonly now: WrittenRow | null;
  /** Columns whose values are unknown: stored aside, not changed, and so not sent. */
  readonly unsent: readonly string[];
}

/** Makes the events of changes: the same that the outbox would tell. */
export async function toEvents(
  changes: readonly Change[],
  shapes: Shapes,
  writer: RowWriter,
  { data, columns }: Pick<ResolvedOptions, "data" | "columns">,
): Promise<EventInit[]> {
  const prepared = changes.map(prepare);
  await writer.prepare(prepared.flatMap(({ old, now }) => [old, now].filter((row) => row !== null)));
  const shapeOf = await shapes.of(new Set(prepared.map(({ relation }) => relation.oid)));
  return prepared.map(({ uid, cause, operation, relation, old, now, unsent }) => {
    const before = old === null ? null : writer.write(old);
    const after = now === null ? null : writer.write(now);
    const event = toEventInit(
      ["", uid, relation.oid, operation, formatTable(relation), cause, before, after],
      shapeOf(relation.oid),
      data,
      columns,
    );
    if (unsent.length === 0 || data === "none" || data === "key") return event;
    return { ...event, headers: { ...event.headers, unsent: unsent.join(",") } };
  });
}

function prepare({ uid, cause, message }: Change): Prepared {
  if (message.kind === "truncate") {
    const [relation] = message.relations;
    if (relation === undefined) throw new Error("pgoutput: a TRUNCATE of nothing");
    return { uid, cause, operation: "t", relation, old: null, now: null, unsent: [] };
  }
  const { relation, operation } = message;
  const old = message.old === null ? null : { relation, tuple: message.old, isKey: message.oldIsKey };
  const tuple = message.new === null ? null : filled(message.new, message.oldIsKey ? null : message.old);
  const unsent = relation.columns.filter((_, index) => tuple !== null && tuple[index] === undefined);
  const now = tuple === null ? null : { relation, tuple, isKey: false };
  return { uid, cause, operation, relation, old, now, unsent: unsent.map(({ name }) => name) };
}

function filled(now: Tuple, old: Tuple | null): Tuple {
  if (old === null || !now.includes(undefined)) return now;
  return now.map((text, index) => (text === undefined ? old[index] : text));
}

import { orderingKey } from "../../model/event.ts";
import type { Forgotten } from "../work.ts";
import type { RunExtra } from "./model.ts";
import type { MemoryStore } from "./store.ts";

/** Blanks what events of a key carry, but for those with an open run; all of them at once. */
export function forget(store: MemoryStore, key: string): Forgotten {
  let events = 0;
  let open = 0;
  for (const event of store.events()) {
    if (orderingKey(event.record) !== key) continue;
    if (event.open > 0) {
      open += 1;
      continue;
    }
    events += 1;
    event.record = { ...event.record, data: null, headers: null };
    for (const { extra } of event.runs) if (extra !== null) blank(extra);
  }
  return { events, open, next: null };
}

function blank(extra: RunExtra): void {
  extra.data = null;
  extra.logs.length = 0;
  if (extra.error !== null) extra.error = { ...extra.error, message: "" };
  extra.past = extra.past.map((row) =>
    row.error === null ? row : { ...row, error: { ...row.error, message: "" } },
  );
}

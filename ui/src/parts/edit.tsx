import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { get, post, segment } from "../api.ts";
import { visible } from "../format.ts";
import { go, href } from "../router.ts";
import type { Journey, RunDetail, RunRow } from "../types.ts";
import { act, Dialog, Trouble } from "./basics.tsx";
import { useLoaded } from "./use.ts";

/** Goes to the new run, if the replay made one. */
export async function replay(id: string, body: object, onDone: () => void): Promise<boolean> {
  let made = id;
  const isDone = await act("The run is replayed", async () => {
    made = (await post<{ run?: string }>(`runs/${segment(id)}/replay`, body)).run ?? id;
  });
  onDone();
  if (isDone && made !== id) go(href("run", made));
  return isDone;
}

export interface EditDialogProps {
  readonly run: RunRow;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Replays a run with a payload that the reader puts right: the one that the run had. */
export function EditDialog({ run, onClose, onDone }: EditDialogProps): VNode {
  const { value, error } = useLoaded((signal) => readPayload(run, signal), [run.id]);
  const [edited, setEdited] = useState<string | undefined>(undefined);
  const text = edited ?? value ?? "";
  const problem = value === undefined ? undefined : jsonProblem(text);
  return (
    <Dialog
      title="Replay with another payload"
      verb="Replay"
      disabled={value === undefined || problem !== undefined}
      onClose={onClose}
      onDone={async () => {
        if (await replay(run.id, { data: JSON.parse(text) as unknown }, onDone)) onClose();
      }}
    >
      <p class="muted">Makes a new run of {visible(run.process)}; this one and its event stay as they are.</p>
      {error !== undefined && <Trouble error={error} />}
      <label class="field">
        <span>Data (JSON)</span>
        <textarea
          value={text}
          disabled={value === undefined}
          spellcheck={false}
          aria-invalid={problem !== undefined}
          onInput={(event) => setEdited(event.currentTarget.value)}
        />
      </label>
      <p class={problem === undefined ? "muted" : "t-bad"} role="status">
        {value === undefined ? "Loading…" : problem === undefined ? "Valid JSON." : visible(problem)}
      </p>
    </Dialog>
  );
}

async function readPayload(run: RunRow, signal: AbortSignal): Promise<string> {
  const own = await get<RunDetail>(`runs/${segment(run.id)}`, {}, signal);
  const data =
    "data" in own ? own.data : (await get<Journey>(`events/${segment(run.event)}`, {}, signal)).event.data;
  return JSON.stringify(data, null, 2) ?? "null";
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { work } from "../api.ts";
import { toRecord } from "../errors.ts";
import { formatCount, visible } from "../format.ts";
import { href } from "../router.ts";
import { toIso } from "../run-filter.ts";
import { act, Dialog, ErrorBox } from "./basics.tsx";
import { RateField } from "./rate.tsx";

export interface PastDialogProps {
  readonly process: string;
  /** Inputs, and processes that emit. */
  readonly sources: readonly string[];
  readonly onClose: () => void;
}

interface Report {
  readonly matched: number;
  readonly replayed: number;
  readonly samples: readonly string[];
}

/** Sends events of the past to a process, and never before their count was shown. */
export function PastDialog({ process, sources, onClose }: PastDialogProps): VNode {
  const [input, setInput] = useState(sources[0] ?? "");
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  const [unlinked, setUnlinked] = useState(false);
  const [rate, setRate] = useState("");
  const [preview, setPreview] = useState<Report | undefined>(undefined);
  const [error, setError] = useState<unknown>(undefined);
  const [done, setDone] = useState(0);
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(new Error("given up by the reader")), []);
  /** What was counted is not what would be sent any more. */
  const change = (set: () => void): void => {
    set();
    setPreview(undefined);
    setError(undefined);
  };
  const ask = (more: object): Promise<Report> =>
    work<Report, { done: number }>(
      "events/replay",
      {
        filter: { input, since: toIso(since), until: toIso(until) },
        to: process,
        unlinked,
        ...(rate !== "" && { rate }),
        ...more,
      },
      { signal: ending.current.signal, onProgress: (progress) => setDone(progress.done) },
    );
  const submit = async (): Promise<void> => {
    if (preview === undefined) {
      try {
        setPreview(await ask({ dryRun: true }));
      } catch (reason) {
        setError(reason);
      }
      setDone(0);
      return;
    }
    const isDone = await act(
      ({ replayed }) => `${formatCount(replayed)} sent to ${process}`,
      () => ask({}),
    );
    if (isDone) onClose();
  };
  const count = preview === undefined ? "" : `${formatCount(preview.matched)} `;
  return (
    <Dialog
      title={`Events of the past to ${process}`}
      verb={preview === undefined ? "Count" : `Send ${count}events`}
      disabled={preview?.matched === 0}
      onClose={onClose}
      onDone={submit}
    >
      <p class="muted">
        Makes runs of events that {visible(process)} had none of, oldest first. Doing it again goes on.
      </p>
      <label class="field">
        <span>From</span>
        <select value={input} onChange={(event) => change(() => setInput(event.currentTarget.value))}>
          {sources.map((name) => (
            <option key={name} value={name}>
              {visible(name)}
            </option>
          ))}
        </select>
      </label>
      <div class="filters">
        <Moment label="Since" value={since} onChange={(value) => change(() => setSince(value))} />
        <Moment label="Until" value={until} onChange={(value) => change(() => setUntil(value))} />
        <RateField value={rate} onChange={setRate} />
      </div>
      <label>
        <input
          type="checkbox"
          checked={unlinked}
          onChange={(event) => change(() => setUnlinked(event.currentTarget.checked))}
        />{" "}
        Also those that no link would carry to it
      </label>
      {error !== undefined && <ErrorBox error={toRecord(error)} />}
      {preview !== undefined && (
        <div role="status">
          <strong>{count}events would go there</strong>
        </div>
      )}
      {preview?.samples[0] !== undefined && (
        <a href={href("event", preview.samples[0])}>Look at the first of them</a>
      )}
      {preview !== undefined && done > 0 && (
        <p role="status">
          <progress value={done} max={Math.max(done, preview.matched)} /> {formatCount(done)} so far. To close
          this ends it.
        </p>
      )}
    </Dialog>
  );
}

interface MomentProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Moment({ label, value, onChange }: MomentProps): VNode {
  return (
    <label class="field">
      <span>{label}</span>
      <input type="datetime-local" value={value} onChange={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}

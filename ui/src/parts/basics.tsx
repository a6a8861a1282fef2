import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { ErrorRecord } from "../types.ts";
import { toRecord } from "../errors.ts";
import { formatAgo, formatClock, visible } from "../format.ts";
import { createStore, useStore } from "../store.ts";
import type { Tone } from "../health.ts";
import { Mark } from "./mark.tsx";

/** One clock for every "… ago" on the page. */
const now = createStore(Date.now());
setInterval(() => {
  if (!document.hidden) now.set(Date.now());
}, 1_000);

export function useNow(): number {
  return useStore(now);
}

export function Time({ at }: { at: string | null | undefined }): VNode {
  const moment = useNow();
  if (at === null || at === undefined) return <span class="muted">never</span>;
  return (
    <time dateTime={at} title={formatClock(at)}>
      {formatAgo(at, moment)}
    </time>
  );
}

/** A state in words, with its shape and colour. */
export function State({ tone, children }: { tone: Tone; children: string }): VNode {
  return (
    <span class={`state chip t-${tone}`}>
      <Mark tone={tone} label={children} />
      {children}
    </span>
  );
}

export function ErrorBox({ error }: { error: ErrorRecord }): VNode {
  return (
    <div class="error">
      <b>{visible(error.code)}</b>
      <pre>{visible(error.message)}</pre>
    </div>
  );
}

/** What went wrong when the page asked for something. */
export function Trouble({ error }: { error: unknown }): VNode {
  return (
    <div role="alert">
      <ErrorBox error={toRecord(error)} />
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
}
const toasts = createStore<readonly Toast[]>([]);
let toastId = 0;

function toast(text: string, bad = false): void {
  const id = ++toastId;
  toasts.set([...toasts.get().slice(-2), { id, text, bad }]);
  setTimeout(() => toasts.set(toasts.get().filter((toast) => toast.id !== id)), bad ? 8_000 : 4_000);
}

export function Toasts(): VNode {
  const all = useStore(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {all.map(({ id, text, bad }) => (
        <div class={bad ? "toast bad" : "toast"} key={id}>
          {visible(text)}
        </div>
      ))}
    </div>
  );
}

/** Does something for the reader and says how it ended: `done` may be made of its answer, and empty to say nothing. */
export async function act<Answer>(
  done: string | ((answer: Answer) => string),
  action: () => Promise<Answer>,
): Promise<boolean> {
  try {
    const answer = await action();
    const text = typeof done === "string" ? done : done(answer);
    if (text !== "") toast(text);
    return true;
  } catch (error) {
    const { code, message } = toRecord(error);
    toast(`${code}: ${message}`, true);
    return false;
  }
}

export interface DialogProps {
  readonly title: string;
  readonly verb: string;
  readonly risk?: boolean;
  readonly disabled?: boolean;
  readonly onDone: () => Promise<void> | void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** The browser's own dialog: it keeps the focus inside and gives it back, and Escape closes it. */
export function Dialog({ title, verb, risk, disabled, onDone, onClose, children }: DialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await onDone();
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h1 id={id}>{visible(title)}</h1>
        {children}
        <div class="row">
          <button class="btn" type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
          <button class={risk ? "btn risk" : "btn main"} disabled={busy || disabled === true}>
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

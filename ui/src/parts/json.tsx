import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { visible } from "../format.ts";

const OPEN_TO = 2;
const SHOWN = 100;
const LONG = 400;

/** JSON as a tree that opens and closes. Large parts are drawn when they are opened, long ones in pieces. */
export function JsonTree({ value }: { value: unknown }): VNode {
  return (
    <div class="tree">
      <Value value={value} depth={0} />
    </div>
  );
}

interface Part {
  readonly label?: string;
  readonly value: unknown;
  readonly depth: number;
}

function Value({ label, value, depth }: Part): VNode {
  if (typeof value === "object" && value !== null) {
    const isList = Array.isArray(value);
    return (
      <Branch label={label} entries={Object.entries(value)} depth={depth} brackets={isList ? "[]" : "{}"} />
    );
  }
  return (
    <>
      <Label text={label} />
      {typeof value === "string" ? (
        <Words text={value} />
      ) : (
        <span class={typeof value === "number" ? "n" : "z"}>{String(value)}</span>
      )}
    </>
  );
}

function Label({ text }: { text: string | undefined }): VNode | null {
  if (text === undefined) return null;
  return (
    <>
      <span class="k">{visible(text)}</span>
      {": "}
    </>
  );
}

function Words({ text }: { text: string }): VNode {
  const [isWhole, setWhole] = useState(false);
  if (text === "***") return <span class="secret">***</span>;
  const isLong = text.length > LONG && !isWhole;
  return (
    <>
      <span class="s">{visible(JSON.stringify(isLong ? text.slice(0, LONG) : text))}</span>
      {isLong && (
        <button class="btn quiet" type="button" onClick={() => setWhole(true)}>
          … {text.length - LONG} more
        </button>
      )}
    </>
  );
}

function Branch({
  label,
  entries,
  depth,
  brackets,
}: {
  label: string | undefined;
  entries: readonly (readonly [string, unknown])[];
  depth: number;
  brackets: "[]" | "{}";
}): VNode {
  const [isOpen, setOpen] = useState(depth < OPEN_TO);
  const [shown, setShown] = useState(SHOWN);
  const [left, right] = brackets;
  if (entries.length === 0) {
    return (
      <>
        <Label text={label} />
        {brackets}
      </>
    );
  }
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Label text={label} />
        {isOpen ? left : `${left} ${entries.length} ${entries.length === 1 ? "entry" : "entries"} ${right}`}
      </summary>
      {isOpen && (
        <ul>
          {entries.slice(0, shown).map(([key, value]) => (
            <li key={key}>
              <Value label={key} value={value} depth={depth + 1} />
            </li>
          ))}
          {entries.length > shown && (
            <li>
              <button class="btn quiet" type="button" onClick={() => setShown(shown + 10 * SHOWN)}>
                … {entries.length - shown} more
              </button>
            </li>
          )}
        </ul>
      )}
    </details>
  );
}

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

function Value({ value, depth }: { value: unknown; depth: number }): VNode {
  if (Array.isArray(value)) {
    return <Branch entries={value.map((item, index) => [String(index), item])} depth={depth} brackets="[]" />;
  }
  if (typeof value === "object" && value !== null) {
    return <Branch entries={Object.entries(value)} depth={depth} brackets="{}" />;
  }
  if (typeof value === "string") return <Words text={value} />;
  if (typeof value === "number") return <span class="n">{String(value)}</span>;
  return <span class="z">{String(value)}</span>;
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
  entries,
  depth,
  brackets,
}: {
  entries: readonly (readonly [string, unknown])[];
  depth: number;
  brackets: "[]" | "{}";
}): VNode {
  const [isOpen, setOpen] = useState(depth < OPEN_TO);
  const [shown, setShown] = useState(SHOWN);
  const [left, right] = brackets;
  if (entries.length === 0) return <span>{brackets}</span>;
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {isOpen ? left : `${left} ${entries.length} ${entries.length === 1 ? "entry" : "entries"} ${right}`}
      </summary>
      {isOpen && (
        <ul>
          {entries.slice(0, shown).map(([key, value]) => (
            <li key={key}>
              <span class="k">{visible(key)}</span>
              {": "}
              <Value value={value} depth={depth + 1} />
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

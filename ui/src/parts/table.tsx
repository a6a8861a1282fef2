import type { ComponentChildren, VNode } from "preact";

export interface TableProps {
  readonly label: string;
  /** Their headings, from left to right, and how they look; a hidden one is for whoever has the table read out. */
  readonly columns: Readonly<Record<string, "" | "num" | "hidden">>;
  /** Whether it takes all the room that its neighbours leave. */
  readonly isFilling?: boolean;
  readonly children: ComponentChildren;
}

/** Rows that scroll sideways where they are too wide. */
export function Table({ label, columns, isFilling = false, children }: TableProps): VNode {
  return (
    <div class={isFilling ? "canvas scroll" : "scroll"} tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {Object.entries(columns).map(([title, look]) => (
              <th key={title} class={look === "num" ? "num" : ""}>
                {look === "hidden" ? <span class="hidden">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

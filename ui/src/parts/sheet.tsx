import type { ComponentChildren, VNode } from "preact";
import { Empty, Trouble } from "./basics.tsx";

export interface SheetProps {
  readonly title: string;
  readonly about: ComponentChildren;
  /** What can be done, beside the title. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A page that is read from top to bottom. */
export function Sheet({ title, about, actions, children }: SheetProps): VNode {
  return (
    <div class="sheet">
      <div class="head">
        <div>
          <h1 class="wrap">{title}</h1>
          <p class="wrap">{about}</p>
        </div>
        {actions}
      </div>
      {children}
    </div>
  );
}

/** A page that is not read yet, or could not be. */
export function Pending({ error }: { error: unknown }): VNode {
  return (
    <div class="sheet">{error === undefined ? <Empty title="Loading…" /> : <Trouble error={error} />}</div>
  );
}

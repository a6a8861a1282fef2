import type { VNode } from "preact";

const RATE = "[1-9][0-9]{0,8}/[smh]";

/** Most in a time; empty for no limit. What is none is told by the browser before anything is sent. */
export function RateField({ value, onChange }: { value: string; onChange: (value: string) => void }): VNode {
  return (
    <label class="field">
      <span>At most, such as 100/s</span>
      <input
        value={value}
        pattern={RATE}
        placeholder="no limit"
        title="A whole number a second, minute or hour: 100/s, 10/m, 1000/h"
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}

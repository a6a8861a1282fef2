import type { VNode } from "preact";
import { visible } from "../format.ts";

export function Brand({ name }: { name: string }): VNode {
  return (
    <div class="brand">
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
        <rect class="brand-back" width="32" height="32" />
        <path
          class="brand-wave"
          d="M6 11c3.300 0 3.300 3 6.700 3s3.300-3 6.600-3 3.400 3 6.700 3M6 19c3.300 0 3.300 3 6.700 3s3.300-3 6.600-3 3.400 3 6.700 3"
        />
      </svg>
      <strong>{visible(name)}</strong>
    </div>
  );
}

import type { VNode } from "preact";
import type { Tone } from "../health.ts";

/** The shape of a tone, so that nothing depends on colour alone: disc, triangle, octagon, ring; bars for a pause. */
export function MarkShape({ tone, label }: { tone: Tone; label: string }): VNode {
  if (label === "paused") return <path class="f-idle" d="M2 1h3v10H2zM7 1h3v10H7z" />;
  if (tone === "idle") return <circle class="ring" cx="6" cy="6" r="4.5" />;
  if (tone === "warn") return <path class="f-warn" d="M6 .8 11.6 11H.4z" />;
  if (tone === "bad") {
    return (
      <>
        <path class="f-bad" d="M3.5 0h5L12 3.5v5L8.500 12h-5L0 8.500v-5z" />
        <path class="glyph" d="m4 4 4 4M8 4 4 8" />
      </>
    );
  }
  return (
    <>
      <circle class={`f-${tone}`} cx="6" cy="6" r="6" />
      <path class="glyph" d={tone === "ok" ? "m3.400 6.300 1.900 1.900 3.400-4" : "M6 3.200V6l2 1.600"} />
    </>
  );
}

export function Mark({ tone, label }: { tone: Tone; label: string }): VNode {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <MarkShape tone={tone} label={label} />
    </svg>
  );
}

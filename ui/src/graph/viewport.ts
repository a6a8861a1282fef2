import type { RefObject } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Box, Layout } from "./shapes.ts";

/** Where the reader looks. Moving writes one attribute and draws nothing anew. */
export interface Viewport {
  readonly content: RefObject<SVGGElement | null>;
  readonly onPointerDown: (event: PointerEvent) => void;
  readonly zoom: (factor: number) => void;
  readonly fit: () => void;
  /** Brings a node into sight if it is not. */
  readonly reveal: (box: Box) => void;
}

const SMALLEST = 0.04;
const LARGEST = 2.5;
const SMALLEST_LEGIBLE = 0.42;
const LARGEST_FITTED = 1.15;
/** A small screen in pixels: there, the width is filled and the rest is below. */
const NARROW = 600;
const DRAG_FROM = 4;

export function useViewport(svg: RefObject<SVGSVGElement | null>, layout: Layout): Viewport {
  const content = useRef<SVGGElement>(null);
  const view = useMemo(() => createViewport(svg, content, layout), [layout]);
  useEffect(() => {
    const element = svg.current;
    if (element === null) return undefined;
    view.fitUnlessMoved();
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      view.wheel(event);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    const resized = new ResizeObserver(() => view.fitUnlessMoved());
    resized.observe(element);
    return () => {
      element.removeEventListener("wheel", onWheel);
      resized.disconnect();
    };
  }, [view]);
  return view;
}

function createViewport(
  svg: RefObject<SVGSVGElement | null>,
  content: RefObject<SVGGElement | null>,
  layout: Layout,
): Viewport & { readonly wheel: (event: WheelEvent) => void; readonly fitUnlessMoved: () => void } {
  let scale = 1;
  let x = 0;
  let y = 0;
  let isMoved = false;
  const pointers = new Map<number, { x: number; y: number }>();

  const apply = (): void =>
    content.current?.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  const size = (): { width: number; height: number; left: number; top: number } =>
    svg.current?.getBoundingClientRect() ?? { width: 1, height: 1, left: 0, top: 0 };

  /** Legible rather than complete: a large pipeline is shown from its sources, unless all of it is asked for. */
  function fit(isAll: boolean): void {
    const { width, height } = size();
    const whole = Math.min(width / layout.width, height / layout.height);
    const legible = width < NARROW ? Math.min(1, width / layout.width) : SMALLEST_LEGIBLE;
    scale = Math.min(isAll ? whole : Math.max(whole, legible), LARGEST_FITTED);
    x = scale * layout.width <= width + 1 ? (width - scale * layout.width) / 2 : 0;
    y = scale * layout.height <= height ? (height - scale * layout.height) / 2 : 0;
    isMoved = isAll;
    apply();
  }

  function zoomAt(factor: number, atX: number, atY: number): void {
    const next = Math.min(LARGEST, Math.max(SMALLEST, scale * factor));
    x = atX - ((atX - x) * next) / scale;
    y = atY - ((atY - y) * next) / scale;
    scale = next;
    isMoved = true;
    apply();
  }

  function onPointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pointers.size > 1) return;
    const start = { x: event.clientX, y: event.clientY };
    let isDragging = false;
    const move = (moved: PointerEvent): void => {
      const before = pointers.get(moved.pointerId);
      if (before === undefined) return;
      const point = { x: moved.clientX, y: moved.clientY };
      if (pointers.size === 2) pinch(moved.pointerId, point);
      else {
        isDragging ||= Math.hypot(point.x - start.x, point.y - start.y) > DRAG_FROM;
        if (!isDragging) return;
        x += point.x - before.x;
        y += point.y - before.y;
        isMoved = true;
        apply();
      }
      pointers.set(moved.pointerId, point);
    };
    const end = (ended: PointerEvent): void => {
      pointers.delete(ended.pointerId);
      if (pointers.size > 0) return;
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      // What began as a drag over a node is no click on it.
      if (isDragging) addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  function pinch(id: number, point: { x: number; y: number }): void {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    const before = pointers.get(id);
    if (other === undefined || before === undefined) return;
    const factor =
      Math.hypot(point.x - other.x, point.y - other.y) / Math.hypot(before.x - other.x, before.y - other.y);
    const { left, top } = size();
    if (Number.isFinite(factor)) zoomAt(factor, other.x - left, other.y - top);
  }

  return {
    content,
    onPointerDown,
    fit: () => fit(true),
    fitUnlessMoved: () => {
      if (!isMoved) fit(false);
    },
    zoom: (factor) => {
      const { width, height } = size();
      zoomAt(factor, width / 2, height / 2);
    },
    wheel: (event) => {
      const { left, top } = size();
      if (event.ctrlKey || event.metaKey || !event.shiftKey) {
        zoomAt(
          Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)),
          event.clientX - left,
          event.clientY - top,
        );
      } else {
        x -= event.deltaY + event.deltaX;
        isMoved = true;
        apply();
      }
    },
    reveal: (box) => {
      const { width, height } = size();
      const left = x + scale * box.x;
      const top = y + scale * box.y;
      const isInside =
        left >= 0 && top >= 0 && left + scale * box.width <= width && top + scale * box.height <= height;
      if (isInside) return;
      if (scale < 0.3) scale = 0.7;
      x = width / 2 - scale * (box.x + box.width / 2);
      y = height / 2 - scale * (box.y + box.height / 2);
      isMoved = true;
      apply();
    },
  };
}

function swallow(event: Event): void {
  event.stopPropagation();
  event.preventDefault();
}

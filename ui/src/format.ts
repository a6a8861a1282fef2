/** How numbers, times and foreign text are written. All text ends in text nodes; this only makes it readable. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0`, `0.4/s`, `12/s`, `1.2k/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return "0/s";
  return `${perSecond < 10 ? perSecond.toFixed(1).replace(/\.0$/, "") : formatCount(Math.round(perSecond))}/s`;
}

/** `987`, `1.2k`, `3.4M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(count);
  if (count < 10_000) return `${trim((Math.floor(count / 100) / 10).toFixed(1))}k`;
  if (count < 1_000_000) return `${Math.floor(count / 1_000)}k`;
  return `${trim((Math.floor(count / 100_000) / 10).toFixed(1))}M`;
}

/** `1 run`, `12 runs`. */
export function formatRuns(count: number): string {
  return count === 1 ? "1 run" : `${count} runs`;
}

function trim(text: string): string {
  return text.replace(/\.0$/, "");
}

/** `120 B`, `3.4 kB`, `12 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${trim((bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0))} kB`;
  return `${trim((bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0))} MB`;
}

interface Waiting {
  readonly events: number | null;
  readonly bytes: number | null;
  readonly oldest: string | null;
}

/** What waits at a source, by the best that is known of it. */
export function formatLag({ events, bytes, oldest }: Waiting, now: number): string {
  if (events !== null) return formatCount(events);
  if (bytes !== null) return formatBytes(bytes);
  return oldest === null ? "?" : formatDuration(Math.max(0, now - Date.parse(oldest)));
}

/** `0.4 ms`, `12 ms`, `1.3 s`, `2 m 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return milliseconds <= 0 ? "< 1 ms" : `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < MINUTE) return `${trim((milliseconds / 1_000).toFixed(1))} s`;
  if (milliseconds < HOUR)
    return `${Math.floor(milliseconds / MINUTE)} m ${Math.round((milliseconds % MINUTE) / 1_000)} s`;
  if (milliseconds < DAY)
    return `${Math.floor(milliseconds / HOUR)} h ${Math.round((milliseconds % HOUR) / MINUTE)} m`;
  return `${trim((milliseconds / DAY).toFixed(1))} d`;
}

/** `now`, `12 s ago`, `in 3 m`. */
export function formatAgo(time: string | number | null | undefined, now: number): string {
  if (time === null || time === undefined) return "never";
  const distance = now - new Date(time).getTime();
  if (!Number.isFinite(distance)) return String(time);
  const size = Math.abs(distance);
  if (size < 1_500) return "now";
  const text = coarse(size);
  return distance < 0 ? `in ${text}` : `${text} ago`;
}

function coarse(size: number): string {
  if (size < MINUTE) return `${Math.round(size / 1_000)} s`;
  if (size < HOUR) return `${Math.round(size / MINUTE)} m`;
  if (size < DAY) return `${Math.round(size / HOUR)} h`;
  return `${Math.round(size / DAY)} d`;
}

/** `14:03:22.120` of the reader's own zone; with the day if it is another one. */
export function formatClock(time: string | number, now: number = Date.now()): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  if (new Date(now).toDateString() === date.toDateString()) return clock;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Foreign text with its control and direction marks made visible, so that none can disguise what stands there. */
export function visible(text: string): string {
  return text.replace(CONTROL, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : "\uFFFD";
  });
}

/** Cuts in the middle, where names differ least. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

/** The end of a uid: version 7 begins with the time, so that neighbours look alike in front. */
export function shortUid(uid: string): string {
  return uid.length > 12 ? uid.slice(-12) : uid;
}

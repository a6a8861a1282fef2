/** Local time as people read it, `2026-11-24 07:21:39.123`; `-` for none. */
export function localTime(iso: string | null | undefined): string {
  if (iso === null || iso === undefined) return "-";
  const date = new Date(iso);
  const [year, month, day] = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  return `${year}-${two(month)}-${two(day)} ${clockTime(date)}`;
}

/** `07:21:39.123` */
export function clockTime(date: Date): string {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `12 ms`, `1.2 s`, `3m 4s`, `2h 5m`: as exact as people need it. */
export function lapse(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`;
}

export function between(from: string, to: string): number {
  return Date.parse(to) - Date.parse(from);
}

/** Makes the uid of what stands at a place (a whole number, at most 2^53), since a time (milliseconds since 1970). */
export type PlaceUid = (place: number, time: number) => string;

/** Of 48 bits. */
const HALF = 0x100_0000;

/**
 * Uids that are the same for the same place, wherever it is read again: 48 bits of time, so that they come in order,
 * then 74 bits: a hash of the source, plus the place. Written as UUIDs of version 8 (RFC 9562, section 5.8).
 *
 * @param digest a hash, in hexadecimal digits, of what tells these places from those of other sources
 */
export function placeUids(digest: string): PlaceUid {
  const head = `8${digest.slice(0, 3)}-8${digest.slice(3, 6)}`;
  const base = Number.parseInt(digest.slice(6, 18), 16);
  let lastTime = -1;
  let lastStamp = "";
  return (place, time) => {
    if (time !== lastTime) {
      const stamp = digits(Math.floor(time / HALF)) + digits(time % HALF);
      lastStamp = `${stamp.slice(0, 8)}-${stamp.slice(8)}`;
      lastTime = time;
    }
    const sum = base + place;
    return `${lastStamp}-${head}-${digits(Math.floor(sum / HALF) % HALF)}${digits(sum % HALF)}`;
  };
}

/** Six hexadecimal digits. Numbers beyond 31 bits are written ten times as slowly. */
function digits(half: number): string {
  return half.toString(16).padStart(6, "0");
}

/** Whether a uid is one of these: nobody but the source of its place gives it. */
export function isPlaceUid(uid: string): boolean {
  return uid[14] === "8";
}

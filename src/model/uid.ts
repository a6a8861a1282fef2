/** A source of randomness: a number in [0, 1). */
export type Random = () => number;

/** Makes a new identity for an event, for the given milliseconds since 1970. */
export type NewUid = (now: number) => string;

/** Where the counter of a millisecond starts at the highest: half of its 24 bits stay to count with. */
const COUNTER_START = 0x80_0000;
const COUNTER_END = 0x100_0000;

/**
 * A source of UUIDs, version 7, that only grow (RFC 9562, section 6.2, methods 1 and 2): 50 random bits a
 * millisecond, then a counter of 24 bits with a random start. Never steps back with the clock.
 * About a tenth of the cost of drawing every bit anew, which counts at hundreds of thousands a second.
 */
export function createUidSource(random: Random): NewUid {
  let last = -1;
  let head = "";
  let counter = 0;

  function startMillisecond(time: number): void {
    last = time;
    const hex = time.toString(16).padStart(12, "0");
    const a = hexadecimal(random, 3);
    const variant = "89ab"[Math.floor(random() * 4)];
    head = `${hex.slice(0, 8)}-${hex.slice(8)}-7${a}-${variant}${hexadecimal(random, 3)}-${hexadecimal(random, 6)}`;
    counter = Math.floor(random() * COUNTER_START);
  }

  return (now) => {
    const millisecond = Math.floor(now);
    if (millisecond > last) startMillisecond(millisecond);
    else if (counter === COUNTER_END) startMillisecond(last + 1);
    const tail = (COUNTER_END + counter++).toString(16);
    return head + tail.slice(1);
  };
}

/** So many random digits; at most 12, for a `Random` has no more bits to give. */
export function hexadecimal(random: Random, digits: number): string {
  return Math.floor(random() * 16 ** digits)
    .toString(16)
    .padStart(digits, "0");
}

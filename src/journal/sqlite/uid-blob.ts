const DIGITS = "0123456789abcdef";
const VALUES = new Uint8Array(128);
for (let i = 0; i < 16; i += 1) VALUES[DIGITS.charCodeAt(i)] = i;
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Writes a UUID's 16 bytes into `into`. Expects lower case, as every event's uid has. */
export function writeUid(uid: string, into: Uint8Array): Uint8Array {
  let at = 0;
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) at += 1;
    into[i] = ((VALUES[uid.charCodeAt(at)] as number) << 4) | (VALUES[uid.charCodeAt(at + 1)] as number);
    at += 2;
  }
  return into;
}

export function readUid(blob: Uint8Array): string {
  let text = "";
  for (let i = 0; i < 16; i += 1) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += PAIRS[blob[i] as number];
  }
  return text;
}

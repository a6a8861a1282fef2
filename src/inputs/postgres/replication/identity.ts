import { createHash } from "node:crypto";
import { EPOCH_2000 } from "./stream.ts";

/**
 * Names the changes of a transaction: UUIDs of version 7 that hold the time of the commit, the place of the change
 * in the transaction, and 44 bits of a hash of what tells this transaction from any other. A position alone would
 * not: a restored or promoted server uses positions again. So the hash takes in the server's system identifier, the
 * database, the subscription, the position, the transaction's number and its commit time in microseconds. A
 * transaction that is sent again names its changes as before.
 */
export function changeIds(
  origin: string,
  { position, time, transaction }: { position: bigint; time: bigint; transaction: number },
): (place: number) => string {
  const hash = createHash("sha256").update(`${origin} ${position} ${time} ${transaction}`).digest("hex");
  const ms = (BigInt(EPOCH_2000) + time / 1_000n).toString(16).padStart(12, "0").slice(-12);
  const tail = hash.slice(0, 11);
  return (place) => {
    // 12 bits before the variant, 18 behind it: a billion changes to a transaction.
    const high = ((place >>> 18) & 0xf_ff).toString(16).padStart(3, "0");
    const low = (0x8_00_00 | (place & 0x3_ff_ff)).toString(16);
    const rest = `${low}${tail}`;
    return `${ms.slice(0, 8)}-${ms.slice(8)}-7${high}-${rest.slice(0, 4)}-${rest.slice(4)}`;
  };
}

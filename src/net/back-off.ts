import type { Random } from "../model/uid.ts";

/** Milliseconds to wait after so many failures in a row, from 1: twice as long each time, half of it at random. */
export function jitteredBackOff(
  { initial, max }: { readonly initial: number; readonly max: number },
  failures: number,
  random: Random,
): number {
  return Math.min(max, initial * 2 ** (failures - 1)) * (0.5 + random() / 2);
}

import { z } from "zod";
import { checkedBy } from "../model/checked-by.ts";
import { parseDuration, type Duration } from "../model/duration.ts";
import { parseSize } from "../model/size.ts";

// Options that components of every sort have, so that they are written the same everywhere.

export const durationOption: z.ZodType<Duration, Duration> = z
  .union([z.number(), z.string()])
  .check(checkedBy<Duration>(parseDuration));

export const sizeOption: z.ZodType<number | string, number | string> = z
  .union([z.number(), z.string()])
  .check(checkedBy(parseSize));

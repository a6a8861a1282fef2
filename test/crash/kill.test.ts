import { test } from "vitest";
import { killUnderLoad, longestTime } from "./kill-under-load.ts";

const KILLS = 12;

test(
  "an orchestrator killed again and again under load loses nothing, and runs nothing twice without a kill",
  () => killUnderLoad(KILLS),
  longestTime(KILLS),
);

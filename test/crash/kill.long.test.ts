import { test } from "vitest";
import { killUnderLoad, longestTime } from "./kill-under-load.ts";

const KILLS = 200;

test(
  "an orchestrator killed 200 times under load loses nothing, and runs nothing twice without a kill",
  () => killUnderLoad(KILLS),
  longestTime(KILLS),
);

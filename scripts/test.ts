// Runs the tests (or, with --long, the long ones) and ends with a line `N passed, N failed`. Arguments are vitest's.
import { run } from "./run.ts";

const given = process.argv.slice(2);
const long = given.includes("--long");
const filters = given.filter((argument) => argument !== "--long");

const { code } = await run(
  "vitest",
  ["run", "--reporter=default", "--reporter=./scripts/closing-line.ts", ...filters],
  { env: { SLUICE_TEST_LONG: long ? "1" : "" } },
);
process.exitCode = code;

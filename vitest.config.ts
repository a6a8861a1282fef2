import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const long = process.env["SLUICE_TEST_LONG"] === "1";

const config: ViteUserConfig = defineConfig({
  test: {
    include: long
      ? ["test/**/*.long.test.ts"]
      : ["src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    exclude: ["**/node_modules/**", ...(long ? [] : ["**/*.long.test.ts"])],
    typecheck: {
      enabled: !long,
      include: ["test/types/**/*.test-d.ts"],
      // `npm run check` reports those, once.
      ignoreSourceErrors: true,
    },
    // For what hangs: a test that runs a dozen commands takes 20 s where others work on the machine.
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 60_000,
    // Most of the time is spent waiting for servers and child processes: one more than two cores shortens it.
    ...(!long && { maxWorkers: Math.max(3, availableParallelism()) }),
  },
});

export default config;

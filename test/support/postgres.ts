import { startPostgres, type PostgresOptions, type PostgresServer } from "../../examples/support/postgres.ts";

export { startPostgres, type PostgresOptions, type PostgresServer };

/**
 * A server for a test file, or the reason why there is none. With `postgres` in SLUICE_TEST_REQUIRE the reason is
 * thrown instead: there, a skip is a failure.
 */
export async function postgresForTests(
  options: PostgresOptions = {},
): Promise<{ server: PostgresServer; reason?: undefined } | { server?: undefined; reason: string }> {
  try {
    return { server: await startPostgres(options) };
  } catch (error) {
    if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("postgres") === true) throw error;
    return { reason: (error as Error).message };
  }
}

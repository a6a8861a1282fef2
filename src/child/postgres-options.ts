import { formatCauseText } from "../model/cause-text.ts";

/**
 * The environment with the run, and its trace if that is recorded, as the cause of what its PostgreSQL sessions
 * change: for psql and all that is built on libpq, `-c sluice.cause=RUN` is appended to what PGOPTIONS has already.
 * Poolers such as PgBouncer refuse options they do not know, so it is only done on request.
 *
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
 */
export function withCauseOption(
  environment: Readonly<Record<string, string>>,
  run: string,
  traceparent?: string,
): Record<string, string> {
  const given = environment["PGOPTIONS"] ?? "";
  const cause = formatCauseText(run, traceparent).replace(/[\\\s]/g, "\\$&");
  return { ...environment, PGOPTIONS: `${given} -c sluice.cause=${cause}`.trimStart() };
}

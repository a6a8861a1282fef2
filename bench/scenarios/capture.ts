import { startPostgres, type PostgresServer } from "../../examples/support/postgres.ts";
import type { CaptureOptions } from "../programs/capture.ts";
import type { SampleRequest } from "../scenario.ts";

let server: PostgresServer | undefined;

/** A server that syncs its commits, as a real one does; it ends with the benchmark. */
export async function prepareCapture(): Promise<void> {
  server ??= await startPostgres({
    durable: true,
    settings: { max_replication_slots: "100", max_wal_senders: "100" },
  });
}

/** A sample in a database of its own. */
export function capture(options: Omit<CaptureOptions, "url">): () => Promise<SampleRequest> {
  return async () => {
    if (server === undefined) throw new Error("the server was not started");
    const load: CaptureOptions = { ...options, url: await server.createDatabase() };
    return { program: "programs/capture.ts", options: load };
  };
}

import { SluiceError } from "../../../model/errors.ts";
import { connectionConfig, type ConnectOptions } from "../../../postgres/connect.ts";
import { loadPg, type PgClient } from "../../../postgres/driver.ts";

/** The slice of `pg`'s connection that a replication stream needs: copy data in both directions. */
interface CopyConnection {
  on(event: "copyData", listener: (message: { readonly chunk: Buffer }) => void): unknown;
  sendCopyFromChunk(chunk: Buffer): void;
  readonly stream: { pause(): void; resume(): void; destroy(): void };
}

export interface Stream {
  /** Settles when it ends. */
  readonly ended: Promise<void>;
  pause(): void;
  resume(): void;
  /** Tells the server up to where we have everything on disk, and asks it for a sign of life. */
  confirm(position: bigint): void;
}

export interface StreamListener {
  data(bytes: Buffer): void;
  /** The server has sent all that we want up to here. */
  keepalive(position: bigint, mustAnswer: boolean): void;
}

/** Opens a connection of the kind that replication needs. It takes plain SQL too, in simple queries. */
export async function connectForReplication(options: ConnectOptions): Promise<PgClient> {
  const pg = await loadPg();
  const config = { ...connectionConfig(options), replication: "database" };
  const client = new pg.Client(config);
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (cause) {
    const { code, message } = cause as { code?: string; message: string };
    if (code === "42501" || code === "28000") {
      throw new SluiceError(
        "SQL_FAILED",
        `PostgreSQL refuses replication: ${message}; ALTER ROLE … REPLICATION, and allow it in pg_hba.conf`,
      );
    }
    throw new SluiceError(
      "SOURCE_UNAVAILABLE",
      `cannot open a replication connection to PostgreSQL: ${message}`,
    );
  }
  return client;
}

/** Ends it at once: the server would not take leave before it has sent what it is at. */
export function destroyConnection(client: PgClient): void {
  (client as unknown as { readonly connection: CopyConnection }).connection.stream.destroy();
}

/** Milliseconds between 1970 and 2000. */
export const EPOCH_2000 = 946_684_800_000;

/** Begins to stream where the slot stands. */
export function startStream(
  client: PgClient,
  slot: string,
  options: string,
  listener: StreamListener,
): Stream {
  const { connection } = client as unknown as { readonly connection: CopyConnection };
  connection.on("copyData", ({ chunk }) => {
    if (chunk[0] === 0x77) listener.data(chunk.subarray(25));
    else if (chunk[0] === 0x6b) listener.keepalive(chunk.readBigUInt64BE(1), chunk[17] === 1);
  });
  const ended = client.query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (${options})`).then(() => undefined);
  ended.catch(() => undefined);
  return {
    ended,
    pause: () => connection.stream.pause(),
    resume: () => connection.stream.resume(),
    confirm(position) {
      // https://www.postgresql.org/docs/current/protocol-replication.html: written, flushed, applied, time, reply
      const status = Buffer.alloc(34);
      status[0] = 0x72;
      for (const at of [1, 9, 17]) status.writeBigUInt64BE(position, at);
      status.writeBigInt64BE(BigInt(Date.now() - EPOCH_2000) * 1_000n, 25);
      status[33] = 1;
      connection.sendCopyFromChunk(status);
    },
  };
}

export function parsePosition(text: string): bigint {
  const [high = "0", low = "0"] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatPosition(position: bigint): string {
  return `${(position >> 32n).toString(16)}/${(position & 0xff_ff_ff_ffn).toString(16)}`.toUpperCase();
}

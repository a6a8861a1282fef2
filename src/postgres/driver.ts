import { SluiceError } from "../model/errors.ts";
import type { PgTls } from "./tls.ts";

/** The slice of `pg` (node-postgres 8.16 or later) that is called; typed here so that our types compile without it. */
export interface PgModule {
  readonly Client: new (config: PgConfig) => PgClient;
  readonly Pool: new (config: PgConfig & PgPoolConfig) => PgPool;
  readonly types: TypeParsers;
}

export interface PgConfig {
  readonly connectionString: string;
  readonly ssl?: PgTls | false;
  readonly application_name?: string;
  readonly connectionTimeoutMillis?: number;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelayMillis?: number;
  readonly types?: TypeParsers;
  /** Milliseconds after which a query rejects, with the connection still waiting for its answer. */
  readonly query_timeout?: number;
}

export interface PgPoolConfig {
  readonly max?: number;
  readonly idleTimeoutMillis?: number;
  readonly allowExitOnIdle?: boolean;
}

export interface TypeParsers {
  getTypeParser(oid: number, format?: "text" | "binary"): (text: string) => unknown;
}

export interface PgQuery {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Without it, a query that has no values may hold several statements. */
  readonly queryMode?: "extended";
  readonly rowMode?: "array";
}

export interface PgResult<Row = Record<string, unknown>> {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: Row[];
}

export interface PgClient {
  /** The pid of its backend. */
  readonly processID: number | null;
  connect(): Promise<unknown>;
  query(text: string | PgQuery, values?: readonly unknown[]): Promise<PgResult>;
  end(): Promise<void>;
  on(event: "error" | "end", listener: (error?: Error) => void): unknown;
  on(event: "notification", listener: () => void): unknown;
}

export interface PgPoolClient extends PgClient {
  /** Gives it back; with an error (or `true`) it is closed instead. */
  release(destroy?: Error | boolean): void;
}

export interface PgPool {
  /** Whether `end` was called. */
  readonly ending: boolean;
  connect(): Promise<PgPoolClient>;
  query(text: string, values?: readonly unknown[]): Promise<PgResult>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect", listener: (client: PgClient) => void): unknown;
}

/** Object ids of types whose values JavaScript's numbers cannot hold, and of those that hold JSON. */
const AS_TEXT: ReadonlySet<number> = new Set([20, 114, 1700, 3802]);

let loaded: PgModule | undefined;

/**
 * Loads the optional peer `pg`, once.
 *
 * @throws SluiceError MISSING_DEPENDENCY, saying what to install.
 */
export async function loadPg(): Promise<PgModule> {
  if (loaded !== undefined) return loaded;
  try {
    const module = (await import("pg")) as unknown as { readonly default: PgModule };
    loaded = module.default;
    return loaded;
  } catch (cause) {
    throw new SluiceError(
      "MISSING_DEPENDENCY",
      'PostgreSQL components need the package "pg"; install it: npm install pg',
      { cause },
    );
  }
}

/** bigint, numeric and JSON as text, whatever parsers the rest of the program has set for its own connections. */
export function textTypes(pg: PgModule): TypeParsers {
  return {
    getTypeParser: (oid, format) => (AS_TEXT.has(oid) ? (text) => text : pg.types.getTypeParser(oid, format)),
  };
}

export { createPool } from "./pool.ts";
export { withTransaction } from "./transaction.ts";
export type {
  TransactionContext,
  TransactionOptions,
  TransactionOutcome,
  TransactionPool,
} from "./transaction.ts";
export type { Pool, PoolOptions } from "./pool.ts";
export type { QueryResult, TransactionClient } from "./applied.ts";

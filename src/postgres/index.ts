export { withTransaction } from "./transaction.ts";
export type {
  TransactionContext,
  TransactionOptions,
  TransactionOutcome,
  TransactionPool,
} from "./transaction.ts";
export type { QueryResult, TransactionClient } from "./applied.ts";

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export interface Shop extends AsyncDisposable {
  /** Whether it has told everything. @throws Error if it has failed */
  isDone(): boolean;
}

/** Starts service.ts, in an operating system process of its own. */
export function openShop(
  orders: number,
  to: { url: string; secret: string; ledger: string; brokers?: string | undefined },
): Shop {
  const child = fork(join(import.meta.dirname, "../service.ts"), [to.url, to.ledger, String(orders)], {
    env: {
      ...process.env,
      SHOP_SECRET: to.secret,
      ...(to.brokers !== undefined && { KAFKA_BROKERS: to.brokers }),
    },
    detached: true,
  });
  const closed = once(child, "exit");
  return {
    isDone() {
      if (child.exitCode !== null && child.exitCode !== 0) throw new Error("the shop has failed");
      return child.exitCode === 0;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
    },
  };
}

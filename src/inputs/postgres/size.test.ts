import { afterAll, expect, test } from "vitest";
import { openClient } from "../../../test/support/postgres-input.ts";
import { postgresForTests } from "../../../test/support/postgres.ts";
import type { PgClient } from "../../postgres/driver.ts";
import { silentLogger } from "../../model/logger.ts";
import { createInputContext } from "../../testing/context.ts";
import { installSubscription } from "./install.ts";
import { createSizeWatch } from "./size.ts";
import { subscriptionOf } from "./subscription.ts";

const { server, reason } = await postgresForTests();
afterAll(() => server?.stop());

test.skipIf(server === undefined)(
  `an outbox that is not read is warned of once per threshold, not when it is empty ${reason ?? ""}`,
  async () => {
    const client = await openClient((await server?.createDatabase()) as string);
    const subscription = subscriptionOf("p/in");
    await installSubscription(client as unknown as PgClient, subscription);
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
    const watch = createSizeWatch(
      createInputContext({ logger }),
      client as unknown as PgClient,
      subscription,
      1_048_576,
    );
    const fill = (rows: number) =>
      client.query(
        `insert into ${subscription.outbox} (relation, bytes, operation, location, new)
         select 1, 1, 'i', 't', to_json(repeat(md5(i::text), 30)) from generate_series(1, ${rows}) i`,
      );

    await fill(10);
    await watch();
    expect(warnings).toHaveLength(0);
    await fill(2_000);
    await watch();
    await watch();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/"p\/in" has grown to \d+ MiB/);
    await fill(2_000);
    await client.query(`delete from ${subscription.outbox}`);
    await watch();
    expect(warnings).toHaveLength(1);
    await fill(10_000);
    await watch();
    expect(warnings).toHaveLength(2);
    await client.end();
  },
);

// The one stage of this pipeline that is code: sluice.toml names this file. It is called once for each change of
// raw.orders, with the row in `event.data`.
import { PermanentError, type Event, type RunContext } from "sluice";
import { createPool, withTransaction } from "sluice/postgres";
import { MARKETS, type Market } from "./markets.ts";

/** A row of raw.orders. What is in the document, nobody has checked yet. */
interface RawOrder {
  readonly id: string;
  readonly document: Readonly<Record<string, unknown>>;
}

interface ValidOrder extends Market {
  readonly day: string;
  readonly customer: string;
  readonly total: string;
}

// Outlives connections that break; a pg.Pool would do as well, if something listens to its errors.
const warehouse = await createPool({ connectionString: process.env["WAREHOUSE_URL"] });

export default async function enrich(event: Event<RawOrder>, context: RunContext): Promise<void> {
  const { day, customer, region, currency, total } = validate(event.data.document);

  // Like any queue, sluice may have to start a run again, after a crash for example. withTransaction remembers in the
  // same transaction that this run was done, so that its effect happens once. It also tells the next stage's capture
  // which run made the change: that is how an order can be followed through the whole pipeline.
  await withTransaction(warehouse, context, (tx) =>
    tx.query(
      `insert into enriched.orders (id, day, customer, region, currency, total) values ($1, $2, $3, $4, $5, $6)
       on conflict (id) do update set day = excluded.day, customer = excluded.customer,
         region = excluded.region, currency = excluded.currency, total = excluded.total`,
      [event.data.id, day, customer, region, currency, total],
    ),
  );
}

/** Trying again cannot mend an order: a PermanentError makes the run a dead letter at once, grouped by its code. */
function validate({ customer, country, total, placedAt }: RawOrder["document"]): ValidOrder {
  if (typeof customer !== "string" || customer === "") {
    throw new PermanentError("the customer is missing", { code: "NO_CUSTOMER" });
  }
  const market = MARKETS.get(String(country));
  if (market === undefined) {
    throw new PermanentError(`we do not sell to ${JSON.stringify(country)}`, { code: "UNKNOWN_COUNTRY" });
  }
  if (typeof total !== "string" || !/^\d{1,9}\.\d\d$/.test(total) || Number(total) === 0) {
    throw new PermanentError(`${JSON.stringify(total)} is no total`, { code: "BAD_TOTAL" });
  }
  if (typeof placedAt !== "string" || Number.isNaN(Date.parse(placedAt))) {
    throw new PermanentError("nobody knows when it was placed", { code: "BAD_TIME" });
  }
  return { day: new Date(placedAt).toISOString().slice(0, 10), customer, total, ...market };
}

// A program that knows nothing of sluice: inserts the event it is given, with a client that reads PGOPTIONS.
import { json } from "node:stream/consumers";
import pg from "pg";

const { data } = (await json(process.stdin)) as { data: { id: string; total: string } };
const client = new pg.Client(process.argv[2]);
await client.connect();
const { rows } = await client.query("show application_name");
if (rows[0].application_name !== "ours") throw new Error("the options that it had are gone");
await client.query("insert into enriched.orders values ($1, $2)", [data.id, data.total]);
await client.end();

import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until, workspace, type Running, type Workspace } from "../support/cli.ts";

/** Each stands at another place of the file; none may be found anywhere that the pipeline writes or shows. */
const SECRETS = {
  SECRET_ARGV: "hidden-in-the-arguments",
  SECRET_ENV: "hidden-in-the-environment",
  SECRET_URL: "hidden-in-the-url",
  SECRET_HEADER: "hidden-in-a-header",
  SECRET_PASSWORD: "hidden-in-a-connection-string",
  SECRET_FILE: "hidden-behind-a-file",
  SECRET_TOKEN: "hidden-token-of-the-api",
};

let server: Server;
let shop: Workspace;
let running: Running;
let uid: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    response.writeHead(400).end(`${request.url} ${request.headers.authorization}`);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  shop = workspace(`
name = "shop"
grace = "2s"
http = { listen = "127.0.0.1:0", token = "\${env:SECRET_TOKEN}" }
[[input]]
name = "orders"
type = "function"
module = "./orders.ts"
[[input]]
name = "broken"
type = "function"
module = "./broken.ts"
[[process]]
name = "command"
type = "command"
argv = ["sh", "-c", "echo $0; echo $0 $HIDDEN >&2; exit 1", "\${env:SECRET_ARGV}"]
env = { HIDDEN = "\${env:SECRET_ENV}" }
on = "orders"
retry = { attempts = 1 }
[[process]]
name = "call"
type = "webhook"
url = "http://127.0.0.1:${port}/\${env:SECRET_URL}"
headers = { authorization = "Bearer \${env:SECRET_HEADER}" }
allow_private = true
on = "orders"
retry = { attempts = 1 }
[[process]]
name = "store"
type = "sql"
connection_string = "postgres://user:\${env:SECRET_PASSWORD}@127.0.0.1:1/db"
statement = "select :id"
on = "orders"
retry = { attempts = 1 }
[[process]]
name = "land"
type = "function"
module = "./tell.ts"
on = "orders"
retry = { attempts = 2, initial = "1ms" }
execution_context = { export = "\${file:./export}" }
`);
  const telling = `Object.values(process.env).filter((value) => value.includes("hidden-")).join(" ")`;
  shop.write("export", `${SECRETS.SECRET_FILE}\n`);
  shop.write("broken.ts", `export default async () => { throw new Error(${telling}); };`);
  shop.write(
    "tell.ts",
    `const tell = (_, { log }) => { log(${telling}); throw Object.assign(new Error(${telling}), { code: process.env.SECRET_ARGV }); };
     export { tell as "${SECRETS.SECRET_FILE}" };`,
  );
  running = await shop.run({ env: SECRETS });
  ({ uid } = await shop.api<{ uid: string }>("POST", "inputs/orders/events", { data: {} }));
  await until(async () => {
    const { items } = await shop.api<{ items: unknown[] }>("GET", "runs?state=dead");
    return items.length === 4;
  });
});
afterAll(async () => {
  await shop.remove();
  server.close();
});

function expectNone(text: string, where: string): void {
  for (const [name, secret] of Object.entries(SECRETS))
    expect(text, `${where} tells ${name}`).not.toContain(secret);
}

test.each(["pipeline", "graph", "inputs", "processes", "events", "runs", "dead-letters"])(
  "GET %s tells no secret of the config file",
  async (path) => {
    expectNone(JSON.stringify(await shop.api("GET", path)), path);
  },
);

test("runs, and what they logged, tell no secret", async () => {
  for (const process of ["command", "call", "store", "land"]) {
    const run = `runs/${encodeURIComponent(`${uid}/${process}`)}`;
    const shown = JSON.stringify([await shop.api("GET", run), await shop.api("GET", `${run}/logs`)]);
    expectNone(shown, process);
    if (process !== "store") expect(shown).toContain("***");
  }
});

test("neither do the journal's files and the log", async () => {
  await running.stop();
  const folder = join(shop.folder, ".sluice");
  for (const file of readdirSync(folder)) expectNone(readFileSync(join(folder, file), "latin1"), file);
  expectNone((await running.ended).stderr, "the log");
});

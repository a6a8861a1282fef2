import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SluiceError } from "../../src/model/errors.ts";
import { connect } from "../../src/postgres/connect.ts";
import type { TlsOptions } from "../../src/postgres/tls.ts";
import { createAuthority } from "../support/certificates.ts";
import { postgresForTests, startPostgres, type PostgresServer } from "../support/postgres.ts";
import { openClient, startReadyInput } from "../support/postgres-input.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-postgres-tls-"));
const authority = createAuthority(folder, "authority");
const stranger = createAuthority(folder, "stranger");
const { server: first, reason } = await postgresForTests();
const isThere = first !== undefined && authority !== undefined && stranger !== undefined;
let server: PostgresServer | undefined;

/** What the server allows whom: only the superuser may come in plain. */
const HBA = `
host    all postgres 127.0.0.1/32 scram-sha-256
hostssl all carrie   127.0.0.1/32 cert
hostssl all all      127.0.0.1/32 scram-sha-256
`;

beforeAll(async () => {
  if (!isThere || first === undefined) return;
  const { uid, gid } = statSync(join(first.directory, "data"));
  await first.stop();
  // The server knows itself as localhost; by its number it is somebody else.
  const own = authority.issue("localhost", "DNS:localhost");
  const files = { "server.pem": own.certificate, "server.key": own.key, "ca.pem": authority.certificate };
  for (const [name, text] of Object.entries({ ...files, hba: HBA })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  execFileSync("chown", ["-R", `${uid}:${gid}`, folder]);
  server = await startPostgres({
    settings: {
      ssl: "on",
      ssl_cert_file: join(folder, "server.pem"),
      ssl_key_file: join(folder, "server.key"),
      ssl_ca_file: join(folder, "ca.pem"),
      hba_file: join(folder, "hba"),
    },
  });
  const client = await openClient(server.connectionString("postgres"));
  await client.query(`create role ada login replication password 'wonderland'; create role carrie login;
    grant create on database postgres to ada; create schema own authorization ada;
    create table own.t (id int primary key); alter table own.t owner to ada`);
  await client.end();
});
afterAll(async () => {
  await first?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ca = authority?.certificate;

function urlOf(user: string, host: string): string {
  return `postgres://${user}@${host}:${server?.port}/postgres`;
}

async function ask(url: string, tls: TlsOptions): Promise<unknown> {
  const client = await connect({ connectionString: url, tls, applicationName: "tls" });
  try {
    const { rows } = await client.query(
      "select ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()",
    );
    return rows[0];
  } finally {
    await client.end();
  }
}

describe.skipIf(!isThere)(`a server with certificates ${reason ?? "(openssl is needed)"}`, () => {
  const ada = "ada:wonderland";

  test.each([
    ["verify-full, by its name", "localhost", { mode: "verify-full", ca }],
    ["verify-ca, by its number", "127.0.0.1", { mode: "verify-ca", ca }],
    ["require, whoever signed it", "127.0.0.1", { mode: "require" }],
  ] as const)("is trusted: %s", async (_, host, tls) => {
    expect(await ask(urlOf(ada, host), tls)).toMatchObject({ ssl: true });
  });

  test.each([
    [
      "by its number under verify-full",
      "127.0.0.1",
      { mode: "verify-full", ca },
      /does not match.*127\.0\.0\.1/,
    ],
    ["signed by another authority", "localhost", { ca: stranger?.certificate }, /certificate/],
    ["signed by nobody that Node knows", "localhost", {}, /certificate/],
    [
      "signed by another, under require with a ca",
      "localhost",
      { mode: "require", ca: stranger?.certificate },
      /certificate/,
    ],
    ["asked in plain", "localhost", { mode: "disable" }, /no pg_hba\.conf entry.*(?:no encryption|SSL off)/],
  ] as const)("is refused, and said why, without the password: %s", async (_, host, tls, why) => {
    const error = (await ask(urlOf(ada, host), tls).catch((thrown: unknown) => thrown)) as SluiceError;
    expect(error).toMatchObject({ code: "SOURCE_UNAVAILABLE" });
    expect(error.message).toMatch(why);
    expect(error.message).not.toContain("wonderland");
  });

  test("a wrong password is refused by SCRAM, within TLS", async () => {
    await expect(ask(urlOf("ada:looking-glass", "localhost"), { ca })).rejects.toThrow(
      /password authentication failed/,
    );
  });

  test("a role is known by its own certificate, and by no other", async () => {
    const { certificate: cert, key } = (authority as NonNullable<typeof authority>).issue("carrie");
    expect(await ask(urlOf("carrie", "localhost"), { ca, cert, key })).toMatchObject({
      client_dn: "/CN=carrie",
    });
    await expect(ask(urlOf("carrie", "localhost"), { ca })).rejects.toThrow(/client certificate/);
    const other = (authority as NonNullable<typeof authority>).issue("mallory");
    const wrong = { ca, cert: other.certificate, key: other.key };
    await expect(ask(urlOf("carrie", "localhost"), wrong)).rejects.toThrow(/authentication failed/);
  });

  test.each(["outbox", "replication"] as const)(
    "is captured from, all connections within TLS: %s",
    async (mode) => {
      const input = await startReadyInput(urlOf(ada, "localhost"), { tables: ["own.t"], mode, tls: { ca } });
      const client = await openClient((server as PostgresServer).connectionString("postgres"));
      await client.query("insert into own.t values ($1)", [mode === "outbox" ? 1 : 2]);
      await input.context.waitFor(1);
      const { rows } = await client.query(
        `select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid)
       where usename = 'ada' and backend_type in ('client backend', 'walsender')`,
      );
      expect(rows).toEqual([{ all: true }]);
      await input.stop();
      await client.end();
    },
  );
});

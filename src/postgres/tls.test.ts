import { expect, test } from "vitest";
import { checkOptions } from "../model/kind.ts";
import { secured, tlsOptions } from "./tls.ts";

const url = "postgres://me@host/db?sslmode=disable&application_name=x";

test("without tls the connection string says what it says", () => {
  expect(secured(url, undefined)).toEqual({ connectionString: url });
});

test("tls takes the place of what the connection string says of it", () => {
  const { connectionString, ssl } = secured(url, {});
  expect(connectionString).toBe("postgres://me@host/db?application_name=x");
  expect(ssl).toEqual({ rejectUnauthorized: true });
  expect(secured(url, { mode: "disable" }).ssl).toBe(false);
});

test.each([
  [{ mode: "require" }, false, true],
  [{ mode: "require", ca: "pem" }, true, true],
  [{ mode: "verify-ca", ca: "pem" }, true, true],
  [{ mode: "verify-full", ca: "pem" }, true, false],
] as const)("%j trusts as libpq does", (tls, isVerified, anyName) => {
  const { ssl } = secured(url, tls);
  expect(ssl).toMatchObject({ rejectUnauthorized: isVerified });
  expect(ssl !== false && ssl?.checkServerIdentity !== undefined).toBe(anyName);
});

test("a certificate comes with its key, and as PEM text", () => {
  const check = (options: unknown) => (): unknown =>
    checkOptions({ type: "tls", options: tlsOptions }, options, "x");
  const pem = "-----BEGIN CERTIFICATE-----";
  expect(check({ cert: pem })).toThrow("belong together");
  expect(check({ ca: "ca.pem" })).toThrow("PEM text");
  expect(check({ cert: pem, key: pem })).not.toThrow();
});

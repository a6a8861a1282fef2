import { z } from "zod";
import { SluiceError } from "../model/errors.ts";

/**
 * How a connection is encrypted, and whom it trusts; it takes the place of what the connection string says of SSL.
 * `verify-full` wants a certificate of `ca` (or of an authority that Node trusts) in the name of the host;
 * `verify-ca` does not look at the name; `require` encrypts, and takes any certificate, unless `ca` is given, which
 * makes it `verify-ca`, as in libpq: https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export interface TlsOptions {
  /** Defaults to `verify-full`. */
  readonly mode?: "disable" | "require" | "verify-ca" | "verify-full" | undefined;
  /** Certificates of the authorities to trust, as PEM text. Defaults to those that Node trusts. */
  readonly ca?: string | undefined;
  /** The client's certificate, as PEM text. Defaults to none. */
  readonly cert?: string | undefined;
  /** The private key of `cert`, as PEM text. */
  readonly key?: string | undefined;
}

const pem = z
  .string()
  .refine((text) => text.includes("-----BEGIN "), 'expected PEM text; of a file, "${file:PATH}" is its text');

export const tlsOptions: z.ZodType<TlsOptions, TlsOptions> = z
  .strictObject({
    mode: z
      .enum(["disable", "require", "verify-ca", "verify-full"])
      .optional()
      .describe("How far the server is trusted, as libpq's sslmode; defaults to verify-full"),
    ca: pem.optional().describe("Certificates of the authorities to trust, as PEM text"),
    cert: pem.optional().describe("The client's certificate, as PEM text"),
    key: pem.optional().describe("Its private key, as PEM text"),
  })
  .refine((options) => (options.cert === undefined) === (options.key === undefined), {
    message: "cert and key belong together: give both, or neither",
  });

/** As `pg` hands it to `tls.connect`. */
export interface PgTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity?: () => undefined;
}

/** What a connection string says of SSL, by libpq's names. */
const SSL_PARAMETERS = [
  "ssl",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "uselibpqcompat",
  "sslnegotiation",
];

/**
 * The connection string without what it says of SSL, for `pg` lets the string win, and what `tls` says instead;
 * nothing is changed without `tls`.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export function secured(
  connectionString: string,
  tls: TlsOptions | undefined,
): { readonly connectionString: string; readonly ssl?: PgTls | false } {
  if (tls === undefined) return { connectionString };
  const url = new URL(connectionString);
  for (const name of SSL_PARAMETERS) url.searchParams.delete(name);
  return { connectionString: url.href, ssl: toPgTls(tls) };
}

function toPgTls({ mode = "verify-full", ca, cert, key }: TlsOptions): PgTls | false {
  if (mode === "disable") {
    if (ca === undefined && cert === undefined) return false;
    throw new SluiceError(
      "INVALID_OPTIONS",
      'tls: with mode = "disable" there is nothing to verify or to show',
    );
  }
  const isVerified = mode !== "require" || ca !== undefined;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: isVerified,
    ...(mode !== "verify-full" && { checkServerIdentity: () => undefined }),
  };
}

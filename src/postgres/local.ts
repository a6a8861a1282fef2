/** Parameters of a connection string that name a file, which `pg` reads. */
const FILES = ["sslcert", "sslkey", "sslrootcert"];

/**
 * What the connection strings of a component make `pg` take from this machine: certificates and keys by their path, the
 * account's rights on a Unix socket, or, if they hold no password, `PGPASSWORD` and `~/.pgpass`, which go to whichever
 * host they name. `undefined` for nothing; what cannot be read is refused elsewhere.
 */
export function readsLocal(fields: Readonly<Record<string, unknown>>): string | undefined {
  return [fields["connection_string"], fields["direct"]].map(takenBy).find((what) => what !== undefined);
}

function takenBy(text: unknown): string | undefined {
  const url = typeof text === "string" ? URL.parse(text) : null;
  if (url === null) return undefined;
  const { searchParams } = url;
  if (FILES.some((name) => searchParams.has(name)))
    return "reads this machine's files if its connection string names some; give them as tls, in PEM text";
  const hosts = [url.hostname, ...searchParams.getAll("host")];
  if (hosts.some((host) => /^(?:\/|%2f)/i.test(host)) || hosts.every((host) => host === ""))
    return "takes this machine's socket or PGHOST, if its connection string names no other host";
  // The last one counts.
  const password = searchParams.getAll("password").at(-1) || url.password;
  return password === ""
    ? "takes this machine's PGPASSWORD or ~/.pgpass, if its connection string has no password"
    : undefined;
}

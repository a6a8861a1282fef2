// The servers that peers need, on free ports of 127.0.0.1, gone when the bench ends.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../examples/support/free-port.ts";
import { startPostgres } from "../../examples/support/postgres.ts";

export interface Servers extends AsyncDisposable {
  /** URLs. */
  readonly redis_always: string;
  readonly redis_everysec: string;
  readonly none: "";
  /** A database of its own for each sample. */
  postgres(): Promise<string>;
}

/** @throws Error if there is no `redis-server` on the PATH (Debian: `apt-get install redis-server`) */
export async function startServers(folder: string): Promise<Servers> {
  await using started = new AsyncDisposableStack();
  const postgres = started.use(
    await startPostgres({
      durable: true,
      settings: { wal_level: "replica", max_wal_size: "4GB", synchronous_commit: "on" },
    }),
  );
  const always = started.use(await startRedis(folder, "always"));
  const everysec = started.use(await startRedis(folder, "everysec"));
  const servers = started.move();
  return {
    redis_always: always.url,
    redis_everysec: everysec.url,
    none: "",
    postgres: () => postgres.createDatabase(),
    [Symbol.asyncDispose]: () => servers.disposeAsync(),
  };
}

async function startRedis(
  folder: string,
  fsync: "always" | "everysec",
): Promise<{ readonly url: string } & AsyncDisposable> {
  const directory = `${folder}/redis-${fsync}`;
  await mkdir(directory);
  const port = await freePort();
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: directory,
    appendonly: "yes",
    appendfsync: fsync,
    save: "",
    "maxmemory-policy": "noeviction",
  };
  const argv = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn("redis-server", argv, { stdio: "ignore" });
  await waitFor(server, port);
  return {
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null) return;
      server.kill("SIGTERM");
      await once(server, "exit");
    },
  };
}

async function waitFor(server: ChildProcess, port: number): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    server.once("error", (error) =>
      reject(new Error("redis-server could not be started; is it installed?", { cause: error })),
    );
    server.once("exit", (code) => reject(new Error(`redis-server ended with exit code ${code}`)));
  });
  failed.catch(() => undefined);
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const connected = new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    const ready = await Promise.race([connected, failed]);
    socket.destroy();
    if (ready) return;
    await sleep(20);
  }
}

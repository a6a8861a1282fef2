import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Stands before a server, and can fall silent: nothing comes through any more, and nothing is closed. */
export interface SilentProxy {
  /** The address of the server, through this. */
  readonly url: string;
  /** Silences its connections, by their order, from 0 on: all, or those from `first` on. */
  silence(first?: number): void;
  close(): void;
}

export async function startSilentProxy(server: string): Promise<SilentProxy> {
  const url = new URL(server);
  const port = Number(url.port);
  const sockets: Socket[] = [];
  let connections = 0;
  let firstSilent = Number.POSITIVE_INFINITY;
  const proxy = createServer((near) => {
    const own = connections++;
    const far = connect(port, "127.0.0.1");
    sockets.push(near, far);
    near.on("data", (chunk) => own < firstSilent && far.write(chunk)).on("error", () => undefined);
    far.on("data", (chunk) => own < firstSilent && near.write(chunk)).on("error", () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  url.port = String((proxy.address() as AddressInfo).port);
  return {
    url: url.href,
    silence(first = 0) {
      firstSilent = first;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

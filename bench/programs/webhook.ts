// How many requests a second a webhook takes: sends them over so many connections, one at a time on each.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";
import { payloadOf, USUAL_PAYLOAD } from "../subject.ts";
import type { WebhookServerOptions } from "./webhook-server.ts";

interface WebhookOptions {
  readonly server: WebhookServerOptions["kind"];
  readonly requests: number;
  readonly connections: number;
}

const data = payloadOf(USUAL_PAYLOAD);

/** One connection that is kept alive, with one request under way; does no more than that needs. */
class Sender {
  readonly #socket: Socket;
  #received = "";
  #onAnswer: () => void = () => undefined;
  #onFailure: (error: Error) => void = () => undefined;

  static async connect(port: number): Promise<Sender> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Sender(socket);
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("error", (error) => this.#onFailure(error));
  }

  /** Answers how long it took, in milliseconds. */
  post(id: string): Promise<number> {
    const body = JSON.stringify({ location: "orders", operation: "create", id, trigger: "shop", data });
    const start = performance.now();
    return new Promise((resolve, reject) => {
      this.#onAnswer = () => resolve(performance.now() - start);
      this.#onFailure = reject;
      this.#socket.write(
        `POST /orders HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    const headers = this.#received.indexOf("\r\n\r\n");
    if (headers === -1) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received)?.[1];
    const end = length === undefined ? chunksEnd(this.#received, headers + 4) : headers + 4 + Number(length);
    if (end === -1 || this.#received.length < end) return;
    const status = this.#received.slice(9, 12);
    this.#received = "";
    if (status === "202") this.#onAnswer();
    else this.#onFailure(new Error(`answered ${status}`));
  }
}

function chunksEnd(text: string, from: number): number {
  const last = text.indexOf("0\r\n\r\n", from);
  return last === -1 ? -1 : last + 5;
}

await takeSample(async ({ server: kind, requests, connections }: WebhookOptions, folder) => {
  const warmUp = Math.ceil(requests / 4);
  const options: WebhookServerOptions = { kind, journal: `${folder}/journal.db`, events: warmUp + requests };
  const server = fork(join(import.meta.dirname, "webhook-server.ts"), [JSON.stringify(options)]);
  const [port] = (await once(server, "message")) as [number];
  const senders = await Promise.all(Array.from({ length: connections }, () => Sender.connect(port)));
  await send(senders, 0, warmUp);
  const start = performance.now();
  const times = await send(senders, warmUp, requests);
  const seconds = (performance.now() - start) / 1_000;
  for (const sender of senders) sender.close();
  const audit = await stop(server);
  return { rate: requests / seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99), ...audit };
});

async function send(senders: readonly Sender[], from: number, count: number): Promise<number[]> {
  const times: number[] = [];
  let next = from;
  const end = from + count;
  await Promise.all(
    senders.map(async (sender) => {
      while (next < end) times.push(await sender.post(String(next++)));
    }),
  );
  return times;
}

/** Stops the server, once all that it took is settled, and answers what it lost or doubled. */
async function stop(server: ChildProcess): Promise<object> {
  server.send("stop");
  const [audit] = (await once(server, "message")) as [object];
  await once(server, "exit");
  return audit;
}

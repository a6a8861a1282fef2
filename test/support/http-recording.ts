import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

/** What happened between a client and a server, in its order. `of` says to which request it belongs. */
type Entry =
  | { readonly of: number; readonly ask: string }
  | { readonly of: number; readonly answer: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly of: number; readonly text: string }
  | { readonly of: number; readonly end: "whole" | "cut" };

export interface HttpPlace {
  readonly server: string;
  /** Breaks all connections. */
  cut(): void;
  close(): Promise<void>;
}

export interface HttpRecorder extends HttpPlace {
  save(file: string, about: object): Promise<void>;
}

/** Differs from one time to the next, and is no part of what is asked. */
const PASSING = ["resourceVersion", "timeoutSeconds", "sinceTime"];

function askOf({ method = "", url = "" }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, "http://any");
  for (const name of PASSING) searchParams.delete(name);
  searchParams.sort();
  return `${method} ${pathname}?${searchParams.toString()}`;
}

/** Stands between a client and a server, and writes down what they say. Requests are not kept but for what they ask. */
export async function recordHttp(target: string, tidy: (text: string) => string): Promise<HttpRecorder> {
  const entries: Entry[] = [];
  let asked = 0;
  const place = await listen((request, response) => {
    const of = ++asked;
    entries.push({ of, ask: askOf(request) });
    const { host: _, ...headers } = request.headers;
    const sent = https.request(new URL(request.url ?? "/", target), {
      method: request.method,
      headers,
      rejectUnauthorized: false,
    });
    const cut = (): void => {
      if (!response.writableEnded && !response.destroyed) entries.push({ of, end: "cut" });
      response.destroy();
    };
    request.pipe(sent);
    sent.once("error", cut);
    response.once("close", () => sent.destroy());
    sent.once("response", (answer) => {
      const { statusCode = 0 } = answer;
      const kept: Record<string, string> = { "content-type": answer.headers["content-type"] ?? "" };
      entries.push({ of, answer: statusCode, headers: kept });
      response.writeHead(statusCode, kept);
      response.flushHeaders();
      // Only whole lines are told apart: a chunk may end anywhere.
      let rest = "";
      const pass = (text: string): void => {
        if (text === "") return;
        const tidied = tidy(text);
        entries.push({ of, text: tidied });
        response.write(tidied);
      };
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) pass(`${line}\n`);
      });
      answer.once("error", cut);
      answer.once("end", () => {
        pass(rest);
        entries.push({ of, end: "whole" });
        response.end();
      });
    });
  });
  return {
    ...place,
    async save(file, about) {
      const lines = [about, ...entries].map((entry) => `${JSON.stringify(entry)}\n`);
      await writeFile(file, lines.join(""));
    },
  };
}

/** Milliseconds after which a request that was recorded is taken to be made no more. */
const PATIENCE = 10_000;

/**
 * Answers as a server once did: the same to the same requests, in the same order, and not before what came before was
 * asked. A request that was not recorded gets no answer.
 */
export async function replayHttp(file: string): Promise<HttpPlace> {
  const [, ...entries] = (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Entry);
  const waiting: { ask: string; response: ServerResponse }[] = [];
  let arrived = Promise.withResolvers<void>();
  const place = await listen((request, response) => {
    request.resume();
    waiting.push({ ask: askOf(request), response });
    arrived.resolve();
    arrived = Promise.withResolvers();
  });
  const open = new Map<number, ServerResponse>();
  let isOver = false;

  async function take(ask: string): Promise<ServerResponse | undefined> {
    const until = Date.now() + PATIENCE;
    for (;;) {
      const index = waiting.findIndex((one) => one.ask === ask);
      if (index !== -1) return waiting.splice(index, 1)[0]?.response;
      const left = until - Date.now();
      if (left <= 0 || isOver) return undefined;
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, left)));
      await Promise.race([arrived.promise, patience]);
      clearTimeout(timer);
    }
  }

  async function play(): Promise<void> {
    for (const entry of entries) {
      if (isOver) return;
      if ("ask" in entry) {
        const response = await take(entry.ask);
        if (response !== undefined) open.set(entry.of, response);
        continue;
      }
      const response = open.get(entry.of);
      if (response === undefined) continue;
      if ("answer" in entry) {
        response.writeHead(entry.answer, entry.headers);
        response.flushHeaders();
      } else if ("text" in entry) response.write(entry.text);
      else if (entry.end === "whole") response.end();
      else response.destroy();
      // What was said is heard before more is.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  void play();
  return {
    ...place,
    async close() {
      isOver = true;
      arrived.resolve();
      await place.close();
    },
  };
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpPlace> {
  const server = http.createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

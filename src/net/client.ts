import { lookup as resolveName } from "node:dns/promises";
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect, type LookupFunction } from "node:net";
import type { Clock } from "../model/clock.ts";
import { isPermanentError, PermanentError, SluiceError } from "../model/errors.ts";
import type { AddressGuard } from "./address.ts";
import { checkTarget, privateAddress } from "./target.ts";

export interface HttpCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The beginning of the body. */
  readonly body: Uint8Array;
  /** Whether there was more, or more to wait for. */
  readonly cut: boolean;
  /** Why it was cut: it was too long, took too long, or broke off. */
  readonly cutBy?: CutBy;
}

export type CutBy = "size" | "time" | "connection";

/** An answer whose body is read as it comes. */
export interface HttpStream {
  readonly status: number;
  readonly headers: HttpAnswer["headers"];
  /** Ends with an error if the connection breaks off, or the call's signal aborts. */
  readonly body: AsyncIterable<Buffer>;
  /** Ends it, with an error for who reads it. */
  destroy(error?: Error): void;
}

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface HttpClientOptions {
  readonly guard: AddressGuard;
  /** Defaults to the system's resolver. */
  readonly resolve?: (hostname: string) => Promise<readonly ResolvedAddress[]>;
  /** Bytes of an answer that are read; the rest is cut off. Defaults to 64 KiB. */
  readonly maxBody?: number;
  /** Milliseconds that the body of an answer may take once its status is known. Defaults to 5,000. */
  readonly bodyTimeout?: number;
  /** Whom https trusts, and what we show of ourselves, as PEM text. Defaults to what Node trusts, and nothing. */
  readonly tls?: ClientTls | undefined;
}

export interface ClientTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Makes outgoing calls: only to allowed addresses, never following a redirect. */
export interface HttpClient {
  /**
   * Resolves with any answer, whatever its status.
   *
   * @throws PermanentError PRIVATE_ADDRESS if the name resolves to an address that is not allowed;
   * SluiceError NETWORK if there was no answer; the signal's reason if it aborts before there is one.
   */
  request(call: HttpCall): Promise<HttpAnswer>;
  /** As `request`, but leaves the body to be read. Its connection is not kept open for others. */
  open(call: HttpCall): Promise<HttpStream>;
  /**
   * Looks whether somebody listens where a URL points to, without asking anything of them.
   *
   * @throws as `request` does
   */
  reach(url: string): Promise<void>;
  /** Closes the connections that are kept open. */
  close(): void;
}

const MAX_BODY = 64 * 1024;
const BODY_TIMEOUT = 5_000;
const CONNECT_TIMEOUT = 10_000;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { guard, resolve = resolveAll, maxBody = MAX_BODY, bodyTimeout = BODY_TIMEOUT } = options;
  const keepAlive = { keepAlive: true, maxFreeSockets: 16 };
  const httpAgent = new HttpAgent(keepAlive);
  const httpsAgent = new HttpsAgent({ ...keepAlive, ...options.tls });
  const lookup = pinningLookup(guard, resolve);

  function send(call: HttpCall): ClientRequest {
    const url = checkTarget(call.url, guard);
    const secure = url.protocol === "https:";
    const open = secure ? httpsRequest : httpRequest;
    const settings = { method: call.method, headers: call.headers, lookup, signal: call.signal };
    return open(url, { ...settings, agent: secure ? httpsAgent : httpAgent });
  }

  async function respond(call: HttpCall): Promise<IncomingMessage> {
    call.signal.throwIfAborted();
    try {
      return await head(call, send(call));
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      // The server closed a connection that was kept open, before it saw anything of this call.
      return head(call, send(call));
    }
  }

  async function request(call: HttpCall): Promise<HttpAnswer> {
    const response = await respond(call);
    const { body, cutBy } = await readBody(response, maxBody, bodyTimeout, call);
    const answer = { status: response.statusCode ?? 0, headers: response.headers, body };
    return cutBy === undefined ? { ...answer, cut: false } : { ...answer, cut: true, cutBy };
  }

  async function open(call: HttpCall): Promise<HttpStream> {
    const response = await respond(call);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      destroy: (error) => void response.destroy(error),
    };
  }

  return {
    request,
    open,
    reach: (url) => reach(checkTarget(url, guard), lookup),
    close() {
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

function reach(url: URL, lookup: LookupFunction): Promise<void> {
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, lookup, timeout: CONNECT_TIMEOUT });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("timeout", () => socket.destroy(new Error(`no connection after ${CONNECT_TIMEOUT} ms`)));
    socket.once("error", (error) => reject(describe(error, url)));
  });
}

/** A kept connection turned out to be closed. */
class StaleConnection extends Error {}

function head(call: HttpCall, sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once("response", resolve);
    sent.once("close", () => reject(describe(new Error("the connection was closed"), new URL(call.url))));
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (call.signal.aborted) reject(call.signal.reason as Error);
      else if (sent.reusedSocket && error.code === "ECONNRESET") reject(new StaleConnection());
      else reject(describe(error, new URL(call.url)));
    });
    sent.end(call.body);
  });
}

/** The status decides what became of a call: a body that does not end cannot take it back, and is cut off. */
function readBody(
  response: IncomingMessage,
  maxBody: number,
  timeout: number,
  call: HttpCall,
): Promise<{ body: Uint8Array; cutBy: CutBy | undefined }> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let size = 0;
    const timer = call.clock.setTimer(timeout, () => cutOff("time"));
    response.on("data", (part: Buffer) => {
      parts.push(part.subarray(0, maxBody - size));
      size += part.length;
      if (size > maxBody) cutOff("size");
    });
    response.once("end", () => finish(undefined));
    response.once("error", () => finish("connection"));
    response.once("close", () => finish("connection"));

    function cutOff(by: CutBy): void {
      finish(by);
      response.destroy();
    }
    function finish(cutBy: CutBy | undefined): void {
      timer.cancel();
      resolve({ body: Buffer.concat(parts), cutBy });
    }
  });
}

/**
 * Resolves a name and hands on exactly the addresses that were checked, so that a name which changes its mind between
 * check and connection gains nothing.
 */
function pinningLookup(
  guard: AddressGuard,
  resolve: (hostname: string) => Promise<readonly ResolvedAddress[]>,
): LookupFunction {
  return (hostname, options, callback) => {
    const answer = (addresses: readonly ResolvedAddress[]): void => {
      const refused = addresses.find(({ address }) => !guard.allows(address));
      const [first] = addresses;
      if (refused !== undefined) {
        const { message, code } = privateAddress(hostname, refused.address);
        callback(new PermanentError(message, { code }), []);
      } else if (first === undefined) {
        callback(new Error(`${hostname} has no address`), []);
      } else if (options.all === true) {
        callback(null, [...addresses]);
      } else {
        callback(null, first.address, first.family);
      }
    };
    resolve(hostname).then(answer, (error: Error) => callback(error, []));
  };
}

function resolveAll(hostname: string): Promise<readonly ResolvedAddress[]> {
  return resolveName(hostname, { all: true });
}

function describe(error: NodeJS.ErrnoException, { origin }: URL): Error {
  if (isPermanentError(error)) return error;
  const [first] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  return new SluiceError("NETWORK", `no answer from ${origin}: ${first?.message ?? error.message}`, {
    cause: error,
    details: { origin, reason: error.code },
  });
}

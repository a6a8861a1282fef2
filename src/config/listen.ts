import { isIPv6 } from "node:net";
import { SluiceError } from "../model/errors.ts";

/** Where a server listens. */
export interface Listen {
  /** An IP address or a host name, without brackets. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const LISTEN = /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/;

/** Reads `127.0.0.1:8787`, `[::1]:8787` or `localhost:8787`. @throws SluiceError INVALID_OPTIONS */
export function parseListen(text: string): Listen {
  const match = LISTEN.exec(text);
  const port = Number(match?.[3]);
  const [, bracketed, plain] = match ?? [];
  const host = bracketed ?? plain;
  const isHost = bracketed === undefined || isIPv6(bracketed);
  if (host !== undefined && isHost && port <= 65_535) return { host, port };
  throw new SluiceError(
    "INVALID_OPTIONS",
    `${JSON.stringify(text)} is no place to listen; write an address and a port, such as "127.0.0.1:8787" or "[::1]:8787"`,
  );
}

import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { SluiceError } from "../model/errors.ts";
import { isLoopback } from "../model/loopback.ts";

/** Who may do what: a viewer reads, an operator also replays, cancels, pauses, an admin also changes the pipeline. */
export type Role = "viewer" | "operator" | "admin";

const RANKS: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

export function mayActAs(granted: Role, wanted: Role): boolean {
  return RANKS[granted] >= RANKS[wanted];
}

export interface AccessOptions {
  /** What `Authorization: Bearer …` must carry. Without any token everybody who can connect is an operator. */
  readonly token?: string;
  /** Of those who may only read. Defaults to none. */
  readonly viewerToken?: string;
  /** Of those who may also change the pipeline. Defaults to none. */
  readonly adminToken?: string;
  /** Host names under which the API may be called, beside the loopback ones. */
  readonly hosts?: readonly string[];
  /**
   * Whether it may be called by any IP address: for a listener off loopback. A page that rebinds its DNS name to us
   * still sends that name, so addresses are safe. Defaults to `false`.
   */
  readonly anyAddress?: boolean;
}

export interface Access {
  /** @throws SluiceError FORBIDDEN for a foreign Host or Origin */
  checkSite(request: Request): void;
  /** @throws SluiceError UNAUTHORIZED without the right token */
  grant(request: Request): Role;
}

/** Nothing is asked: whoever can open the owner's socket (mode 0600) could also open the journal. */
export const ownerAccess: Access = { checkSite: () => undefined, grant: () => "admin" };

/** @throws SluiceError INVALID_OPTIONS for an empty token */
export function createAccess(options: AccessOptions): Access {
  const hosts = new Set(options.hosts?.map((host) => host.toLowerCase()));
  const tokens = readTokens(options);

  function isOurs(authority: string): boolean {
    const host = hostName(authority);
    if (host === undefined) return false;
    if (isLoopback(host) || hosts.has(host)) return true;
    return options.anyAddress === true && isIP(host) !== 0;
  }

  return {
    checkSite(request) {
      const written = request.headers.get("host") ?? authorityOf(request.url);
      if (!isOurs(written) || !isOurs(authorityOf(request.url))) {
        throw new SluiceError(
          "FORBIDDEN",
          `this pipeline is not called ${JSON.stringify(written)}; use the address it listens on`,
        );
      }
      const origin = request.headers.get("origin");
      if (origin !== null && authorityOf(origin) !== written.toLowerCase()) {
        throw new SluiceError("FORBIDDEN", `pages of ${JSON.stringify(origin)} may not use this pipeline`);
      }
    },
    grant(request) {
      if (tokens.length === 0) return "operator";
      // All that follows the scheme: a token of several words is one, too.
      const given = /^bearer (.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
      const role = given === undefined ? undefined : roleOf(given, tokens);
      if (role !== undefined) return role;
      throw new SluiceError(
        "UNAUTHORIZED",
        "this route needs the header Authorization: Bearer with the pipeline's token",
      );
    },
  };
}

interface Token {
  readonly role: Role;
  readonly digest: Buffer;
}

/** The mightiest first: who uses one token for two roles has both. */
function readTokens({ token, viewerToken, adminToken }: AccessOptions): readonly Token[] {
  const given = [
    ["admin", adminToken],
    ["operator", token],
    ["viewer", viewerToken],
  ] as const;
  return given.flatMap(([role, text]) => {
    if (text === "") throw new SluiceError("INVALID_OPTIONS", "the token is empty; leave it away for none");
    return text === undefined ? [] : [{ role, digest: digest(text) }];
  });
}

function roleOf(given: string, tokens: readonly Token[]): Role | undefined {
  const presented = digest(given);
  return tokens.find((token) => timingSafeEqual(presented, token.digest))?.role;
}

/** Of equal length whatever the text, so that a comparison tells nothing of it. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** `host` or `host:port` of an absolute URL; empty if it has none (`null`, the opaque origin). */
function authorityOf(url: string): string {
  const start = url.indexOf("://");
  if (start === -1) return "";
  const rest = url.slice(start + 3);
  const end = rest.search(/[/?#]/);
  return (end === -1 ? rest : rest.slice(0, end)).toLowerCase();
}

const AUTHORITY = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/;

/** The host of `host:port`, in lower case and without the brackets of an IPv6 address. */
function hostName(authority: string): string | undefined {
  const match = AUTHORITY.exec(authority.toLowerCase());
  return match?.[1] ?? match?.[2];
}

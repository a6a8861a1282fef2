import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { SluiceError } from "../model/errors.ts";

/** As whom a child runs. */
export interface UserIdentity {
  readonly uid: number;
  readonly gid: number;
  /** What the system knows of the user; `undefined` for a bare number that it does not know. */
  readonly name: string | undefined;
  readonly home: string | undefined;
}

/** `user`, `uid`, `user:group`, `uid:gid`. */
export const USER: RegExp = /^[^\s:]+(:[^\s:]+)?$/;

/**
 * Finds a user, and a group other than the user's own, by name or number.
 *
 * @throws SluiceError INVALID_OPTIONS if there is none of that name, or we may not become it
 */
export function findUser(given: string): UserIdentity {
  const known = found.get(given);
  if (known !== undefined) return known;
  const identity = lookForUser(given);
  found.set(given, identity);
  return identity;
}

/** Looking is another program's work, and each run asks. */
const found = new Map<string, UserIdentity>();

function lookForUser(given: string): UserIdentity {
  const [user = "", group] = given.split(":");
  const entry = lookUp("passwd", user);
  const uid = entry === undefined ? numberOf(user) : Number(entry[2]);
  if (uid === undefined) throw refused(given, `there is no user ${JSON.stringify(user)} on this machine`);
  const gid = group === undefined ? Number(entry?.[3] ?? uid) : findGroup(given, group);
  if (!mayBecome(uid, gid)) {
    throw refused(
      given,
      `only root may run a command as another user, and this is user ${process.getuid?.()}; leave user away, or start sluice as root`,
    );
  }
  return { uid, gid, name: entry?.[0], home: entry?.[5] };
}

function findGroup(given: string, group: string): number {
  const entry = lookUp("group", group);
  const gid = entry === undefined ? numberOf(group) : Number(entry[2]);
  if (gid === undefined) throw refused(given, `there is no group ${JSON.stringify(group)} on this machine`);
  return gid;
}

function mayBecome(uid: number, gid: number): boolean {
  const own = process.getuid?.();
  return own === 0 || (own === uid && process.getgid?.() === gid);
}

/** By getent(1), which asks wherever the machine keeps its users; without it, in `/etc`. */
function lookUp(database: "passwd" | "group", key: string): readonly string[] | undefined {
  const isNumber = numberOf(key) !== undefined;
  return entries(database, key)
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name, , number]) => (isNumber ? number === key : name === key));
}

function entries(database: "passwd" | "group", key: string): string {
  try {
    return execFileSync("getent", [database, key], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    // It is there and knows nobody of that name, unless it is not there.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") return "";
  }
  try {
    return readFileSync(`/etc/${database}`, "utf8");
  } catch {
    return "";
  }
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function refused(given: string, why: string): SluiceError {
  return new SluiceError("INVALID_OPTIONS", `cannot run as ${JSON.stringify(given)}: ${why}`, {
    details: { path: ["user"] },
  });
}

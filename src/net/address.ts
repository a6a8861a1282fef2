import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { SluiceError } from "../model/errors.ts";

/** Says which addresses outgoing calls may reach. */
export interface AddressGuard {
  allows(address: string): boolean;
}

/**
 * Whatever is not the public internet: IANA's special-purpose registries
 * (https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry), multicast and
 * deprecated transition ranges.
 */
const DENIED_IPV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Within 2000::/3, the only range of IPv6 that is public at all (RFC 4291, section 2.4). */
const DENIED_IPV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
const PUBLIC_IPV6 = ["2000::/3"];

const denied = blockListOf([...DENIED_IPV4, ...DENIED_IPV6]);
const publicIpv6 = blockListOf(PUBLIC_IPV6);

/**
 * @param allowPrivate `true` for every address, or the CIDR ranges (or single addresses) that are allowed besides
 * public ones. Defaults to public ones only.
 * @throws SluiceError INVALID_OPTIONS if a range is none
 */
export function createAddressGuard(allowPrivate: boolean | readonly string[] = false): AddressGuard {
  if (allowPrivate === true) return { allows: (address) => isIP(address) !== 0 };
  const allowed = blockListOf(allowPrivate === false ? [] : allowPrivate);
  return {
    allows(address) {
      const plain = unwrap(address);
      return plain !== undefined && (isPublic(plain) || allowed.check(plain, familyOf(plain)));
    },
  };
}

/** Whether an address, in any spelling of RFC 4291, belongs to the public internet. */
export function isPublicAddress(address: string): boolean {
  const plain = unwrap(address);
  return plain !== undefined && isPublic(plain);
}

function isPublic(address: string): boolean {
  const family = familyOf(address);
  return !denied.check(address, family) && (family === "ipv4" || publicIpv6.check(address, family));
}

/**
 * The address that is really reached: IPv4 inside IPv6 (mapped, RFC 4291; NAT64's well-known prefix, RFC 6052) is
 * unwrapped, a zone is dropped. `undefined` if it is no address.
 */
function unwrap(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return undefined;
  const groups = ipv6Groups(address.replace(/%.*$/, ""));
  const [a, b, c, d, e, f, high = 0, low = 0] = groups;
  const zerosBefore = a === 0 && b === 0 && c === 0 && d === 0 && e === 0;
  const mapped = zerosBefore && f === 0xffff;
  const nat64 = a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0;
  if (mapped || nat64) return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  return groups.map((group) => group.toString(16)).join(":");
}

/** The eight groups of a valid IPv6 address without a zone. */
function ipv6Groups(address: string): number[] {
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...quad: string[]) => {
    const [a, b, c, d] = quad.map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = hexadecimal.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) addRange(list, range);
  return list;
}

function addRange(list: BlockList, range: string): void {
  const [address = "", bits, ...rest] = range.split("/");
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  const longest = family === "ipv6" ? 128 : 32;
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (isIP(address) === 0 || rest.length > 0 || prefix < 0 || prefix > longest) {
    throw new SluiceError(
      "INVALID_OPTIONS",
      `${JSON.stringify(range)} is not a range of addresses; write "10.0.0.0/8", "fd00::/8" or a single address`,
    );
  }
  list.addSubnet(address, prefix, family);
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddressGuard, isPublicAddress } from "./address.ts";

const PRIVATE = [
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.8",
  "192.168.1.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "0:0:0:0:0:0:0:1",
  "::7f00:1",
  "::127.0.0.1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "0:0:0:0:0:ffff:a9fe:a9fe",
  "::ffff:0:127.0.0.1",
  "64:ff9b::10.0.0.1",
  "64:ff9b::a00:1",
  "64:ff9b:1::1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "fc00::1",
  "fd12:3456::1",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
];
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "100.128.0.1",
  "172.32.0.1",
  "192.167.1.1",
  "2606:4700::1111",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
];

describe("an address guard", () => {
  test.each(PRIVATE)("refuses %s", (address) => {
    expect(isPublicAddress(address)).toBe(false);
    expect(createAddressGuard().allows(address)).toBe(false);
    expect(createAddressGuard(true).allows(address)).toBe(true);
  });

  test.each(PUBLIC)("allows %s", (address) => {
    expect(createAddressGuard().allows(address)).toBe(true);
  });

  test("refuses what is no address, whatever is allowed", () => {
    for (const text of ["", "localhost", "1.2.3", "1.2.3.4.5", "::g", "127.1"]) {
      expect(createAddressGuard().allows(text)).toBe(false);
      expect(createAddressGuard(true).allows(text)).toBe(false);
    }
  });

  test("allows the listed ranges and nothing near them", () => {
    const guard = createAddressGuard(["10.0.0.0/8", "fd00::/8", "127.0.0.1"]);
    expect(["10.9.8.7", "::ffff:10.9.8.7", "fd00::7", "127.0.0.1", "1.1.1.1"].map(guard.allows)).toEqual(
      Array.from({ length: 5 }, () => true),
    );
    expect(
      ["11.0.0.1", "127.0.0.2", "169.254.169.254", "fc00::1", "::1"].map((a) => guard.allows(a)),
    ).toEqual([true, false, false, false, false]);
  });

  test("refuses a list with something that is no range", () => {
    for (const range of [
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "intranet",
      "fd00::/129",
      "10.0.0.0/-1",
    ]) {
      expect(() => createAddressGuard([range])).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
    }
  });

  test("judges an IPv4 address alike, plain, mapped, and behind NAT64", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const verdict = isPublicAddress(address);
        expect(isPublicAddress(`::ffff:${address}`)).toBe(verdict);
        expect(isPublicAddress(`64:ff9b::${address}`)).toBe(verdict);
      }),
    );
  });

  test("judges every spelling of an IPv6 address alike", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
        expect(isPublicAddress(address)).toBe(isPublicAddress(canonical));
        expect(isPublicAddress(address.toUpperCase())).toBe(isPublicAddress(canonical));
      }),
    );
  });
});

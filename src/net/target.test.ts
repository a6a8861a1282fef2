import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddressGuard } from "./address.ts";
import { checkTarget } from "./target.ts";

const guard = createAddressGuard();
const privately = expect.objectContaining({ code: "PRIVATE_ADDRESS" });
const invalid = expect.objectContaining({ code: "INVALID_OPTIONS" });

describe("the target of an outgoing call", () => {
  test.each([
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://①②⑦.0.0.1/",
    "http://%31%32%37.0.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fe80::1]/",
    "http://0/",
    "http://localhost/",
    "http://LOCALHOST:80/",
    "http://localhost./",
    "http://api.localhost/",
  ])("refuses the private address in %s", (url) => {
    expect(() => checkTarget(url, guard)).toThrow(privately);
    expect(checkTarget(url, createAddressGuard(true)).protocol).toBe("http:");
  });

  test.each([
    "",
    "example.com",
    "ftp://example.com/",
    "file:///etc/passwd",
    "http://[fe80::1%25eth0]/",
    "http://",
  ])("refuses %s, which is no http URL", (url) => expect(() => checkTarget(url, guard)).toThrow(invalid));

  test("refuses a user or password in a URL, and does not repeat it", () => {
    expect(() => checkTarget("https://bob:hunter2@example.com/", guard)).toThrow(invalid);
    expect(() => checkTarget("https://bob:hunter2@example.com/", guard)).not.toThrow(/hunter2/);
  });

  test("lets names and public addresses pass; names are looked at once resolved", () => {
    expect(checkTarget("https://example.com/hook?a=1", guard).hostname).toBe("example.com");
    expect(checkTarget("https://1.1.1.1/", guard).hostname).toBe("1.1.1.1");
  });

  test("refuses a loopback address in any mix of radix and length", () => {
    const part = fc.constantFrom<(n: number) => string>(
      (n) => String(n),
      (n) => `0x${n.toString(16)}`,
      (n) => `0${n.toString(8)}`,
    );
    const rest = fc.nat(0xff_ffff);
    fc.assert(
      fc.property(
        fc.tuple(part, part, part, part),
        rest,
        fc.integer({ min: 1, max: 4 }),
        (write, low, length) => {
          const value = 0x7f00_0000 + low;
          const heads = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255].slice(0, length - 1);
          const tail = value % 2 ** (8 * (5 - length));
          const host = [...heads, tail].map((number, index) => write[index]?.(number)).join(".");
          expect(() => checkTarget(`http://${host}/`, guard)).toThrow(privately);
        },
      ),
    );
  });
});

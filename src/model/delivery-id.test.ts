import { expect, test } from "vitest";
import { isDeliveryId } from "./delivery-id.ts";

test("a delivery is named by up to 256 printable ASCII characters, spaces among them", () => {
  for (const id of ["a", "order 42 / retry", "x".repeat(256)]) expect(isDeliveryId(id)).toBe(true);
  for (const id of ["", "x".repeat(257), "ä", "a\tb", "a\n"]) expect(isDeliveryId(id)).toBe(false);
});

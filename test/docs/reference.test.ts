import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PAGE, referencePage } from "../../scripts/reference.ts";

test("the page of the config file says what the specifications say; `npm run reference` writes it anew", async () => {
  expect(readFileSync(PAGE, "utf8")).toBe(await referencePage());
});

import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { createTail } from "../../child/lines.ts";
import { createMask } from "../../model/mask.ts";
import { createRunContext } from "../../testing/context.ts";
import { realClock } from "../../testing/real-clock.ts";
import type { Api } from "./api.ts";
import { readPod } from "./pod-output.ts";

test("a line of megabytes is shown by its beginning, and holds nothing up", async () => {
  const escape = "\u001B[31m";
  const secret = "s3cr3t-".repeat(20);
  const lines = [escape.repeat(3_000_000), `${"x".repeat(7_400)}${secret}${"y".repeat(15_000_000)}`];
  const log = Buffer.from(lines.map((line) => `2026-01-01T00:00:00.000000000Z ${line}\n`).join(""));
  // An API server, as far as a log goes.
  const api = { namespace: "default", stream: async () => Readable.from([log]) } as unknown as Api;
  const context = createRunContext({ clock: realClock });
  const output = readPod({
    api,
    pod: "pod",
    container: "main",
    options: { output: "stdout", maxLines: 100, maxCharacters: 100_000 },
    context,
    mask: createMask([secret]),
    tail: createTail(5),
    goesOn: () => false,
    began: () => undefined,
  });
  output.follower.stop();
  await output.follower.ended;
  const began = performance.now();
  await output.readToEnd();
  // Before, seconds for each such line.
  expect(performance.now() - began).toBeLessThan(1_500);
  const [first = "", second = ""] = context.lines.map(({ text }) => text);
  expect(first).not.toContain("\u001B");
  expect(first).toMatch(/^.{7500}… \(\d+ more characters\)$/u);
  expect(second).toMatch(/^x{7400}\*+y+… \(\d+ more characters\)$/);
});

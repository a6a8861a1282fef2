import { expect, test } from "vitest";
import type { EventInit } from "../model/event.ts";
import { JobOutput } from "./output.ts";

function emitted(text: string): EventInit[] {
  const events: EventInit[] = [];
  const output = new JobOutput({ where: "its output" });
  output.push(Buffer.from(text));
  output.emit({ emit: ((event: EventInit) => void events.push(event)) as never });
  return events;
}

test("a run may emit 100,000 events by its output; of more, none", () => {
  const most = "{}\n".repeat(100_000);
  expect(emitted(`${most}\n{"progress":1}`)).toHaveLength(100_000);
  expect(() => emitted(`${most}{}\n{}`)).toThrow(
    expect.objectContaining({
      name: "PermanentError",
      code: "INVALID_EVENT",
      message: "line 100001 of its output is no event: 100000 came before, and a run may emit no more",
    }),
  );
});

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator } from "../../engine/orchestrator.ts";
import { journalFrom } from "../open.ts";

test("what was forgotten stands in none of the journal's files once it is closed, among many other events", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-forget-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${join(folder, "journal.db")}`) });
  orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  await orchestrator.start();
  const secret = "a-name-that-must-go";
  const emit = (n: number): Promise<unknown> =>
    orchestrator.emit("in", {
      location: "l",
      id: `${n}`,
      data: { text: n % 5_000 === 7 ? secret : "other" },
    });
  // More than one step looks at.
  for (let from = 0; from < 25_000; from += 5_000) {
    await Promise.all(Array.from({ length: 5_000 }, (_, n) => emit(from + n)));
  }
  let events = 0;
  for (let n = 7; n < 25_000; n += 5_000) events += (await orchestrator.forget(`l/${n}`)).events;
  expect(events).toBe(5);
  await orchestrator.stop();
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name)).includes(secret), name).toBe(false);
  }
});

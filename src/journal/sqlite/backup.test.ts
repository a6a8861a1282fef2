import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator } from "../../engine/orchestrator.ts";
import { journalFrom } from "../open.ts";
import { backUp } from "./backup.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-backup-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function pipeline(path: string): Orchestrator {
  const orchestrator = new Orchestrator({ journal: journalFrom(`sqlite:${path}`) });
  orchestrator.addInput({
    name: "in",
    handle: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
  });
  orchestrator.addProcess({ name: "work", run: () => undefined });
  orchestrator.addLink("in", "work");
  return orchestrator;
}

test("a copy that is made while events are taken holds all that was acknowledged before it, and starts", async () => {
  const place = folder();
  const orchestrator = pipeline(join(place, "journal.db"));
  await orchestrator.start();
  for (let n = 0; n < 200; n += 1) await orchestrator.emit("in", { id: `before-${n}` });
  let isOver = false;
  const load = (async () => {
    while (!isOver) await orchestrator.emit("in", {});
  })();
  const made = await backUp(join(place, "journal.db"), join(place, "copy.db"));
  isOver = true;
  await load;
  await orchestrator.stop();
  expect(made.events).toBeGreaterThanOrEqual(200);
  expect(made.bytes).toBe(statSync(made.file).size);
  expect(statSync(made.file).mode & 0o777).toBe(0o600);

  const restored = pipeline(made.file);
  await restored.start();
  await restored.idle();
  const { runs } = await restored.history.counters();
  expect(runs["work"]?.succeeded).toBe(made.events);
  await restored.stop();
});

test("a file that is there is left as it is, and nothing half done is left behind", async () => {
  const place = folder();
  const orchestrator = pipeline(join(place, "journal.db"));
  await orchestrator.start();
  await orchestrator.stop();
  writeFileSync(join(place, "mine.txt"), "precious");
  await expect(backUp(join(place, "journal.db"), join(place, "mine.txt"))).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
  });
  await expect(backUp(join(place, "none.db"), join(place, "b.db"))).rejects.toMatchObject({
    code: "JOURNAL_IO",
  });
  await expect(backUp(join(place, "journal.db"), join(place, "none", "b.db"))).rejects.toMatchObject({
    code: "JOURNAL_IO",
    message: expect.stringContaining("make the folder first"),
  });
  writeFileSync(
    join(place, "journal.db"),
    "no journal at all, but something else that is long enough".repeat(50),
  );
  await expect(backUp(join(place, "journal.db"), join(place, "b.db"))).rejects.toMatchObject({
    code: "JOURNAL_DAMAGED",
  });
  expect(readdirSync(place).filter((name) => name.startsWith("b.db") || name.includes("partial"))).toEqual(
    [],
  );
});

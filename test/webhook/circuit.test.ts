import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { webhookProcess } from "../../src/processes/webhook.ts";
import { listener } from "../support/engine.ts";
import { openReceiver } from "../support/receiver.ts";

test.each(["memory:", "sqlite"])(
  "a host that is down for a while burns no attempts: its runs wait, then all succeed (%s)",
  async (journal) => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-circuit-"));
    await using receiver = await openReceiver((response) => response.writeHead(503).end("down"));
    const orchestrator = new Orchestrator({
      journal: journal === "sqlite" ? `sqlite:${join(folder, "journal.db")}` : journal,
    });
    try {
      orchestrator.addInput(listener("source"));
      orchestrator.addProcess(
        webhookProcess({
          name: "notify",
          url: receiver.url,
          allowPrivate: true,
          breakAfter: 3,
          breakFor: "100ms",
          concurrency: 4,
          retry: { attempts: 2, initial: "10ms" },
        }),
      );
      orchestrator.addLink("source", "notify");
      await orchestrator.start();
      const uids: string[] = [];
      for (let id = 0; id < 200; id += 1) {
        uids.push((await orchestrator.emit("source", { location: "orders", id: String(id) })).uid);
      }
      await expect
        .poll(() => orchestrator.processes(), { interval: 5, timeout: 10_000 })
        .toMatchObject([
          {
            state: "backing off",
            lastError: { code: "CIRCUIT_OPEN", message: expect.stringContaining("503") },
          },
        ]);
      // While it is down, a probe now and then is all that it sees of the backlog.
      await expect.poll(() => receiver.got.length, { interval: 5, timeout: 10_000 }).toBeGreaterThan(6);
      expect(receiver.got.length).toBeLessThan(40);
      receiver.answer = (response) => response.end();
      await orchestrator.idle();
      const { items } = await orchestrator.history.runs({ limit: 1_000 });
      expect(items).toHaveLength(200);
      // At most those that failed before the circuit opened have used up an attempt.
      expect(items.filter(({ attempts }) => attempts > 1).length).toBeLessThanOrEqual(2);
      expect(items.every(({ state }) => state === "succeeded")).toBe(true);
    } finally {
      await orchestrator.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
);

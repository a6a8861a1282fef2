import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workspace, type Workspace } from "../support/cli.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

let shop: Workspace;
beforeAll(() => {
  shop = workspace();
});
afterAll(() => shop.remove());

test("tail comes back by itself after its pipeline died and was started again, and ends with a clean stop", async () => {
  const first = await shop.run();
  const tail = spawn(process.execPath, [MAIN, "tail", "--json"], { cwd: shop.folder });
  const closed = once(tail, "close");
  const told: string[] = [];
  createInterface({ input: tail.stderr }).on("line", (line) => told.push(line));
  const seen: Record<string, unknown>[] = [];
  createInterface({ input: tail.stdout }).on("line", (line) => {
    seen.push(JSON.parse(line) as Record<string, unknown>);
  });
  const sees = async (id: string): Promise<void> => {
    const find = (): boolean => seen.some((line) => line["type"] === "event" && line["id"] === id);
    await expect
      .poll(
        async () => {
          // Until it listens, what happens is not shown.
          if (!find()) await shop.api("POST", "inputs/orders/events", { id });
          return find();
        },
        { timeout: 20_000, interval: 250 },
      )
      .toBe(true);
  };
  await sees("before");
  await first.stop("SIGKILL");
  await expect.poll(() => told.join(), { timeout: 10_000 }).toContain("the connection was lost");
  const second = await shop.run();
  await sees("after");
  expect(told).toContain("connected again");
  await second.stop();
  const [code] = (await closed) as [number | null];
  expect(code).toBe(0);
  expect(seen.at(-1)).toMatchObject({ type: "pipeline" });
}, 90_000);

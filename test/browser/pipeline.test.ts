import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepPicture, openTab, SOON, whyNoChromium } from "./chromium.ts";
import { openHouse, type House } from "./house.ts";
import { openDoors, openLargePipeline } from "./shop.ts";

const reason = whyNoChromium();

describe.skipIf(reason !== undefined)(
  `the pipeline in Chromium${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let house: House;
    beforeAll(async () => {
      house = await openHouse();
    }, 60_000);
    afterAll(() => house?.[Symbol.asyncDispose]());

    test("says of a pipeline without parts that there is nothing yet, and what to do", async () => {
      await using empty = await openLargePipeline(house.folder, 0);
      const { page, problems } = await openTab(house.browser, `${empty.url}/#/pipeline`);
      await page.getByText("Nothing is in this pipeline yet").waitFor(SOON);
      expect(await page.locator(".stage").count()).toBe(0);
      expect(problems).toEqual([]);
      await page.context().close();
    });

    test("draws the pipeline with its stores, and its numbers move as orders come in", async () => {
      const { page, problems } = await house.open("pipeline");
      await page.locator(".node").first().waitFor(SOON);
      expect(await page.locator(".node").count()).toBe(14);
      expect(await page.locator(".node.store").count()).toBe(5);
      expect(await page.locator(".edge").count()).toBe(13);
      const rate = page.getByRole("button", { name: /^report process .*rate (?!0\/s)/ });
      expect(await rate.count()).toBe(0);
      const doors = openDoors(house.shop, 20);
      try {
        await rate.waitFor(SOON);
        await page
          .locator(".stream")
          .first()
          .waitFor({ state: "attached", ...SOON });
        await keepPicture(page, "pipeline");
      } finally {
        doors[Symbol.dispose]();
      }
      await page.getByRole("button", { name: /^report process .*rate 0\/s/ }).waitFor(SOON);
      expect(problems).toEqual([]);
      await page.context().close();
    });

    test("stands still where motion is not wanted, though data flows", async () => {
      const { page } = await house.open("pipeline", { reducedMotion: "reduce" });
      const doors = openDoors(house.shop, 20);
      try {
        await page
          .locator(".stream")
          .first()
          .waitFor({ state: "attached", ...SOON });
        const moving =
          "document.getAnimations().filter((animation) => animation.playState === 'running').length";
        expect(await page.evaluate(moving)).toBe(0);
      } finally {
        doors[Symbol.dispose]();
      }
      await page.context().close();
    });

    test("is steered by keyboard alone: to a node by arrows, its details by Enter, a pause by P, a restart by R", async () => {
      const { page } = await house.open("pipeline");
      await page.locator(".node").first().waitFor(SOON);
      await page.keyboard.press("Tab");
      expect(await focused(page)).toContain("Skip to the content");
      await page.locator('[data-key="component:orders"]').focus();
      await page.keyboard.press("ArrowRight");
      expect(await focused(page)).toContain("land process");
      await page.keyboard.press("Enter");
      const panel = page.getByRole("complementary", { name: "Details of land" });
      await panel.waitFor(SOON);
      await page.keyboard.press("Escape");
      await panel.waitFor({ state: "detached", ...SOON });
      await page.locator('[data-key="component:land"]').focus();
      await page.keyboard.press("p");
      await page.getByRole("button", { name: "resume land" }).waitFor({ state: "attached", ...SOON });
      expect(await stateOf("land")).toBe("paused");
      await page.keyboard.press("p");
      await page.getByRole("button", { name: "pause land" }).waitFor({ state: "attached", ...SOON });
      expect(await stateOf("land")).toBe("running");
      await page.locator('[data-key="component:orders"]').focus();
      await page.keyboard.press("r");
      await page.getByText("orders is restarted").waitFor(SOON);
      await page.context().close();
    });

    test("finds a node by its name, in the picture and in the table, which stands in the URL", async () => {
      const { page } = await house.open("pipeline");
      await page.locator(".node").first().waitFor(SOON);
      await page.getByRole("searchbox", { name: "Find a node" }).fill("REPORT");
      await expect.poll(() => page.locator(".node:not(.dim)").count(), SOON).toBe(2);
      await page.getByRole("button", { name: "Table" }).click();
      await expect.poll(() => page.locator("tbody tr").count(), SOON).toBe(1);
      await page.getByRole("link", { name: "report" }).click();
      await page.getByRole("complementary", { name: "Details of report" }).waitFor(SOON);
      expect(new URL(page.url()).hash).toBe("#/pipeline?node=component%3Areport&view=table");
      await page.context().close();
    });

    test("pauses, resumes and restarts an input from its node", async () => {
      const { page } = await house.open("pipeline?node=component%3Aorders");
      const panel = page.getByRole("complementary", { name: "Details of orders" });
      await panel.getByRole("button", { name: "Pause" }).click();
      await panel.getByText("paused").waitFor(SOON);
      await panel.getByRole("button", { name: "Resume" }).click();
      await panel.getByText("running").first().waitFor(SOON);
      await panel.getByRole("button", { name: "Restart" }).click();
      await page.getByText("orders is restarted").waitFor(SOON);
      await page.context().close();
    });

    test("draws 500 nodes at once, and patches them without drawing them anew", async () => {
      await using large = await openLargePipeline(house.folder, 500);
      const { page } = await openTab(house.browser, `${large.url}/#/config`);
      await page.getByText("Open runs").waitFor(SOON);
      const work = await workOf(page, async () => {
        await page.evaluate(`new Promise((resolve) => {
          new MutationObserver(() => {
            if (document.querySelectorAll(".node").length === 500) {
              requestAnimationFrame(() => setTimeout(resolve));
            }
          }).observe(document.body, { childList: true, subtree: true });
          location.hash = "#/pipeline";
        })`);
      });
      // What it takes by itself is less than a second; others who use the machine make caches cold, too.
      expect(work).toBeLessThan(2_000);
      await page.evaluate("document.querySelectorAll('.node').forEach((node) => (node.isFirst = true))");
      const doors = openDoors(large, 100);
      try {
        await page
          .getByRole("button", { name: /^clean_\d+ process .* rate (?!0\/s)/ })
          .first()
          .waitFor(SOON);
      } finally {
        doors[Symbol.dispose]();
      }
      await keepPicture(page, "large");
      expect(
        await page.evaluate("[...document.querySelectorAll('.node')].every((node) => node.isFirst)"),
      ).toBe(true);
      expect(await page.locator(".node").count()).toBe(500);
      await page.context().close();
    });

    async function stateOf(name: string): Promise<string | undefined> {
      return (await house.shop.orchestrator.processes()).find((row) => row.name === name)?.state;
    }
  },
);

async function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''",
  );
}

/** Milliseconds that the page's thread worked meanwhile: what others do on the machine is not counted. */
async function workOf(page: Page, action: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN) * 1_000;
  };
  const before = await worked();
  await action();
  return (await worked()) - before;
}

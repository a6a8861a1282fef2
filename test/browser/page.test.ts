import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SluiceError } from "../../src/model/errors.ts";
import { keepPicture, openTab, seriousOf, SOON, whyNoChromium } from "./chromium.ts";
import { openHouse, runOf, type House } from "./house.ts";
import { openDoors, openShop } from "./shop.ts";

const reason = whyNoChromium();
const HOSTILE = `<img src=x onerror=alert(1)><script>alert(2)</script>\u001b[31mred\u001b[0m\u001b]0;title\u0007\u202egnp`;

describe.skipIf(reason !== undefined)(
  `the page in Chromium${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let house: House;
    beforeAll(async () => {
      house = await openHouse();
    }, 60_000);
    afterAll(() => house?.[Symbol.asyncDispose]());

    test("what is hostile is shown as text, wherever it comes from", async () => {
      const uid = await house.shop.order({ id: HOSTILE, fail: HOSTILE, log: HOSTILE, [HOSTILE]: [HOSTILE] });
      const id = await runOf(house.shop, uid, "enrich", "dead");
      const raw = id.split("/")[0] as string;
      const { page, problems } = await house.open("pipeline");
      for (const path of [
        "runs?state=dead",
        "dead",
        `run/${encodeURIComponent(id)}`,
        `event/${raw}`,
        "events",
        "pipeline?node=component%3Aenrich",
        "pipeline?node=component%3Araw_orders",
        `runs?text=${encodeURIComponent(HOSTILE)}`,
        `run/${encodeURIComponent(HOSTILE)}`,
      ]) {
        await page.goto(`${house.shop.url}/#/${path}`);
        await page
          .getByText("<img src=x")
          .or(page.locator('input[value*="<img"]'))
          .or(page.getByText("NOT_FOUND"))
          .first()
          .waitFor(SOON);
        expect(await page.locator("img, main script, iframe").count()).toBe(0);
        const text = await page.locator("body").textContent();
        // oxlint-disable-next-line no-control-regex -- they are what must not be there
        expect(text).not.toMatch(/[\u0000-\u0008\u001b\u202e]/);
      }
      await page.goto(`${house.shop.url}/#/run/${encodeURIComponent(id)}`);
      expect(await page.locator(".log .ansi-red").first().textContent()).toBe("red");
      expect(problems.filter((problem) => !problem.includes("404"))).toEqual([]);
      await page.context().close();
    });

    test("asks for the token, says that a wrong one is wrong, and forgets it on signing out", async () => {
      await using guarded = await openShop(house.folder, { token: "open-sesame" });
      const { page } = await openTab(house.browser, `${guarded.url}/`);
      const field = page.getByLabel("Token");
      await field.fill("guess");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("That is not the token of this pipeline.").waitFor(SOON);
      await field.fill("open-sesame");
      await field.press("Enter");
      await page.locator(".node").first().waitFor(SOON);
      await page.getByText("Live").waitFor(SOON);
      expect(page.url()).not.toContain("sesame");
      await page.getByRole("button", { name: "Sign out" }).click();
      await field.waitFor(SOON);
      await page.context().close();
    });

    test("who may only look sees no button that would be refused", async () => {
      await using guarded = await openShop(house.folder, { token: "steer", viewerToken: "look" });
      const uid = await guarded.order({ id: "viewed", fail: "no viewer" });
      const run = await runOf(guarded, uid, "enrich", "dead");
      const acting = /pause|resume|restart|replay|cancel|give up|edit/i;
      const headings = {
        "pipeline?node=component%3Aenrich": "enrich",
        "pipeline?node=component%3Aorders": "orders",
        runs: "Runs",
        [`run/${encodeURIComponent(run)}`]: "enrich",
        dead: "Dead letters",
        inputs: "Inputs",
        config: "Configuration",
      };
      for (const [token, isShown] of [
        ["look", false],
        ["steer", true],
      ] as const) {
        const { page, problems } = await openTab(house.browser, `${guarded.url}/`);
        await page.getByLabel("Token").fill(token);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.locator(".node").first().waitFor(SOON);
        for (const [path, heading] of Object.entries(headings)) {
          await page.evaluate(`location.hash = ${JSON.stringify(`#/${path}`)}`);
          await page.locator("main h1, .panel-title").filter({ hasText: heading }).first().waitFor(SOON);
          await page.locator("main table, main .dl, main .group, .panel").first().waitFor(SOON);
          const buttons = page.locator("main button, main .n-act").filter({ hasText: acting });
          await expect
            .poll(async () => (await buttons.count()) > 0, { ...SOON, message: `${token} at ${path}` })
            .toBe(isShown && path !== "config");
        }
        await page.evaluate("location.hash = '#/pipeline'");
        await page.locator(".node .card-button").first().focus();
        await page.keyboard.press("p");
        if (!isShown) await page.keyboard.press("r");
        expect(problems).toEqual([]);
        await page.context().close();
      }
    });

    test("says so while the journal cannot be written, and when it can again", async () => {
      let isHealthy = true;
      await using ill = await openShop(house.folder, {
        journal: (driver) => ({
          location: driver.location,
          async open(surroundings) {
            const journal = await driver.open(surroundings);
            const error = new SluiceError("JOURNAL_IO", "no space left on the device");
            return { ...journal, health: () => (isHealthy ? { ok: true } : { ok: false, error }) };
          },
        }),
      });
      const { page } = await openTab(house.browser, `${ill.url}/`);
      await page.locator(".node").first().waitFor(SOON);
      const banner = page.getByRole("alert").filter({ hasText: "The journal cannot be written" });
      expect(await banner.count()).toBe(0);
      isHealthy = false;
      await banner.waitFor(SOON);
      isHealthy = true;
      await banner.waitFor({ state: "detached", ...SOON });
      await page.context().close();
    });

    test("says that what it shows may be old while nobody answers, and comes back by itself", async () => {
      const gone = await openShop(house.folder);
      const { page } = await openTab(house.browser, `${gone.url}/`);
      await page.getByText("Live").waitFor(SOON);
      await gone[Symbol.asyncDispose]();
      await page.getByText("Reconnecting").waitFor(SOON);
      await page.getByText("What is shown may be old.").waitFor(SOON);
      await page.locator(".node").first().waitFor(SOON);
      // Another process has taken its place.
      await page.route(`${gone.url}/**`, (route) =>
        route.continue({ url: route.request().url().replace(gone.url, house.shop.url) }),
      );
      await page.getByText("Live").waitFor(SOON);
      await page.getByText("What is shown may be old.").waitFor({ state: "detached", ...SOON });
      await page.context().close();
    });

    test("shows the masked configuration", async () => {
      const { page } = await house.open("config");
      await page.locator(".secret").first().waitFor(SOON);
      expect(await page.locator(".secret").allTextContents()).toEqual(["***", "***"]);
      await page.context().close();
    });

    test.each(["light", "dark"] as const)(
      "nothing stands in the way of anybody, in %s",
      async (colorScheme) => {
        const id = await runOf(
          house.shop,
          await house.shop.order({ id: "axe", fail: "no axe" }),
          "enrich",
          "dead",
        );
        const { page } = await house.open("pipeline", { colorScheme, reducedMotion: "reduce" });
        await page.locator(".node").first().waitFor(SOON);
        const paths = [
          "pipeline",
          "pipeline?node=component%3Aenrich",
          "pipeline?view=table",
          "runs",
          `run/${encodeURIComponent(id)}`,
          `event/${id.split("/")[0]}`,
          "events",
          "dead",
          "inputs",
          "config",
        ];
        for (const path of paths) {
          await page.evaluate(`location.hash = ${JSON.stringify(`#/${path}`)}`);
          await page
            .locator("main h1, main h2")
            .first()
            .waitFor({ state: "attached", ...SOON });
          expect(await seriousOf(page), path).toEqual([]);
          await keepPicture(page, `${colorScheme}-${path.replace(/\W.*/, "")}`);
        }
        await page.context().close();
      },
      60_000,
    );

    test("fits a small screen without scrolling sideways", async () => {
      const { page } = await house.open("pipeline", { viewport: { width: 390, height: 844 } });
      for (const path of ["pipeline", "runs", "events", "dead", "inputs", "config"]) {
        await page.evaluate(`location.hash = ${JSON.stringify(`#/${path}`)}`);
        await page.locator("main h1").waitFor({ state: "attached", ...SOON });
        expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBeLessThanOrEqual(390);
        await keepPicture(page, `small-${path}`);
      }
      await page.context().close();
    });

    test.runIf(process.env["SLUICE_PICTURE"] !== undefined)(
      "takes the picture of the README",
      async () => {
        await using busy = await openShop(house.folder);
        const { page } = await openTab(house.browser, `${busy.url}/#/pipeline`, {
          viewport: { width: 1280, height: 720 },
        });
        const doors = openDoors(busy, 24);
        await delay(40_000);
        await page.getByRole("button", { name: /^enrich / }).click();
        await delay(1_500);
        doors[Symbol.dispose]();
        await page.screenshot({ path: process.env["SLUICE_PICTURE"] as string });
        await page.context().close();
      },
      60_000,
    );
  },
);

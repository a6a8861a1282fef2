import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepPicture, seriousOf, SOON, whyNoChromium } from "./chromium.ts";
import { openHouse, runOf, type House } from "./house.ts";
import { openDoors } from "./shop.ts";

const reason = whyNoChromium();

describe.skipIf(reason !== undefined)(
  `runs and events in Chromium${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let house: House;
    beforeAll(async () => {
      house = await openHouse();
    }, 60_000);
    afterAll(() => house?.[Symbol.asyncDispose]());

    test("shows a dead run with its attempts, and replays it with a payload that was put right", async () => {
      const uid = await house.shop.order({ id: "typo", fail: "order typo has no customer" });
      const id = await runOf(house.shop, uid, "enrich", "dead");
      const { page, problems } = await house.open(`run/${encodeURIComponent(id)}`);
      await page.getByText("order typo has no customer").first().waitFor(SOON);
      await page.getByText("Attempt 2").first().waitFor(SOON);
      await keepPicture(page, "run");
      await page.getByRole("button", { name: "Edit and replay…" }).click();
      const editor = page.getByRole("textbox", { name: "Data (JSON)" });
      await editor.fill("{ not json");
      expect(await page.getByRole("dialog").getByRole("button", { name: "Replay" }).isDisabled()).toBe(true);
      await editor.fill('{"id":"typo","total":10}');
      await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
      await page.getByText("Replay of").waitFor(SOON);
      await page.locator("dd .state", { hasText: "succeeded" }).waitFor(SOON);
      expect(problems).toEqual([]);
      await page.context().close();
    });

    test("cancels a run that goes on and on", async () => {
      const uid = await house.shop.order({ id: "endless", wait: true });
      const id = await runOf(house.shop, uid, "enrich", "running");
      const { page } = await house.open(`run/${encodeURIComponent(id)}`);
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.locator("dd .state", { hasText: "cancelled" }).waitFor(SOON);
      await page.context().close();
    });

    test("groups dead letters, and says how many it will replay before it does", async () => {
      for (const id of [701, 702, 703])
        await runOf(house.shop, await house.shop.order({ id, fail: `no stock for ${id}` }), "enrich", "dead");
      const { page } = await house.open("dead");
      const group = page.locator("section.group", { hasText: "no stock for" });
      await group.waitFor(SOON);
      expect(await group.locator(".count").textContent()).toContain("3");
      await keepPicture(page, "dead-letters");
      await group.getByRole("button", { name: "Replay group…" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Replay 3 runs" }).click();
      await page.getByText("3 runs replayed").waitFor(SOON);
      await page.context().close();
    });

    test("puts the payload of a dead letter right, and shows what the new run was given", async () => {
      const order = { id: 711, fail: "no market 711", note: "***", deep: { list: [1, null, "é"] } };
      const uid = await house.shop.order(order);
      const id = await runOf(house.shop, uid, "enrich", "dead");
      const { page } = await house.open("dead");
      await page
        .locator("section.group", { hasText: "no market" })
        .getByRole("button", { name: "Edit newest…" })
        .click();
      const editor = page.getByRole("textbox", { name: "Data (JSON)" });
      await expect.poll(() => editor.inputValue(), SOON).toContain("no market 711");
      // What the editor holds is the payload itself: nothing in it is masked.
      const shown: unknown = JSON.parse(await editor.inputValue());
      expect(shown).toEqual(order);
      const { fail: _, ...mended } = order;
      await editor.fill("nonsense");
      await page.getByText(/not valid JSON/i).waitFor(SOON);
      await editor.fill(JSON.stringify({ ...mended, id: "mended-711" }));
      await page.getByRole("dialog").getByRole("button", { name: "Replay" }).click();
      await page.getByText("Data, as edited for this run").waitFor(SOON);
      await page.getByText("mended-711").first().waitFor(SOON);
      const { history } = house.shop.orchestrator;
      expect(await history.run(`${id}~1`)).toMatchObject({
        replayOf: id,
        data: { ...mended, id: "mended-711" },
      });
      expect((await history.event(id.split("/")[0] as string))?.data).toEqual(order);
      // A replay of the new run begins with what that was given.
      await expect.poll(async () => (await history.run(`${id}~1`))?.state, SOON).toBe("succeeded");
      await page.getByRole("button", { name: "Edit and replay…" }).click();
      await expect.poll(() => editor.inputValue(), SOON).toContain("mended-711");
      await page.context().close();
    });

    test("replays a group at a rate, tells how far it is, and closing the dialog ends it", async () => {
      for (const id of [721, 722, 723, 724])
        await runOf(house.shop, await house.shop.order({ id, fail: `no stamp for ${id}` }), "enrich", "dead");
      const { page } = await house.open("dead");
      const group = page.locator("section.group", { hasText: "no stamp for" });
      await group.getByRole("button", { name: "Replay group…" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("At most, such as").fill("fast");
      await dialog.getByRole("button", { name: "Replay 4 runs" }).click();
      expect(await dialog.locator("input:invalid").count()).toBe(1);
      await dialog.getByLabel("At most, such as").fill("1/h");
      await dialog.getByRole("button", { name: "Replay 4 runs" }).click();
      await dialog.getByText("1 run so far").waitFor(SOON);
      await keepPicture(page, "replay-at-a-rate");
      await dialog.getByRole("button", { name: "Close" }).click();
      await dialog.waitFor({ state: "detached", ...SOON });
      const { items } = await house.shop.orchestrator.history.runs({ text: "no stamp for", limit: 50 });
      expect(items.filter(({ state }) => state === "dead").length).toBeGreaterThanOrEqual(3);
      await page.context().close();
    });

    test("sends events of the past to a process behind a new link, after it has counted them", async () => {
      const { orchestrator } = house.shop;
      const uids = await Promise.all([7.5, 7.5, 8].map((total) => house.shop.order({ id: "past", total })));
      orchestrator.addProcess({ name: "count_orders", type: "sql", run: () => undefined });
      orchestrator.addLink("orders", "count_orders", {
        when: "has(data.total) && double(data.total) == 7.5",
      });
      const { page, problems } = await house.open("pipeline?node=component%3Acount_orders");
      await page.getByRole("button", { name: "Past events…" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("button", { name: "Count" }).click();
      await dialog.getByText("2 events would go there").waitFor(SOON);
      await keepPicture(page, "past-events");
      expect(await seriousOf(page)).toEqual([]);
      await dialog.getByRole("button", { name: "Send 2 events" }).click();
      await page.getByText("2 sent to count_orders").waitFor(SOON);
      const run = `${uids[0]}/count_orders`;
      await expect.poll(async () => (await orchestrator.history.run(run))?.state, SOON).toBe("succeeded");
      expect(await orchestrator.history.run(`${uids[2]}/count_orders`)).toBeUndefined();
      await page.getByRole("button", { name: "Past events…" }).click();
      await dialog.getByRole("button", { name: "Count" }).click();
      await dialog.getByText("0 events would go there").waitFor(SOON);
      expect(problems).toEqual([]);
      orchestrator.removeLink("orders", "count_orders");
      await orchestrator.removeProcess("count_orders", { open: "cancel" });
      await page.context().close();
    });

    test("keeps the filters of the runs in the URL, and finds them there again", async () => {
      await runOf(
        house.shop,
        await house.shop.order({ id: 801, fail: "needle in the hay" }),
        "enrich",
        "dead",
      );
      const { page } = await house.open("runs");
      await page.getByLabel("State").selectOption("dead");
      await page.getByLabel("Text in id or error").fill("NEEDLE");
      const rows = page.locator("tbody tr");
      await expect.poll(() => rows.count(), SOON).toBe(1);
      expect(new URL(page.url()).hash).toBe("#/runs?state=dead&text=NEEDLE");
      await page.reload();
      await expect.poll(() => rows.count(), SOON).toBe(1);
      expect(await page.getByLabel("State").inputValue()).toBe("dead");
      await page.getByRole("button", { name: "Replay these…" }).click();
      await page.getByText("1 run matches").waitFor(SOON);
      await keepPicture(page, "runs");
      await page.context().close();
    });

    test("replays all that a filter shows, in whatever state, and says how many they were", async () => {
      const uid = await house.shop.order({ id: 811, total: 10 });
      await runOf(house.shop, uid, "enrich", "succeeded");
      const { page } = await house.open(`runs?event=${uid}`);
      await page.getByRole("button", { name: "Replay these…" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Replay 1 run" }).click();
      await page.getByText("1 run replayed").waitFor(SOON);
      await page.getByText("· replay").waitFor(SOON);
      await page.context().close();
    });

    test("cancels all that a filter shows", async () => {
      const uid = await house.shop.order({ id: 821, wait: true });
      const id = await runOf(house.shop, uid, "enrich", "running");
      const { page } = await house.open(`runs?event=${id.split("/")[0]}`);
      await page.getByRole("button", { name: "Cancel these…" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Cancel 1 run" }).click();
      await page.getByText("1 run cancelled").waitFor(SOON);
      await page.locator("tbody .state", { hasText: "cancelled" }).waitFor(SOON);
      await page.context().close();
    });

    test("goes on to older runs, without a word about it", async () => {
      const uids = await Promise.all(Array.from({ length: 60 }, (_, id) => house.shop.order({ id })));
      await Promise.all(uids.map((uid) => runOf(house.shop, uid, "enrich", "succeeded")));
      const { page } = await house.open("runs?process=land");
      const rows = page.locator("tbody tr");
      await expect.poll(() => rows.count(), SOON).toBe(50);
      await page.getByRole("button", { name: "Older runs" }).click();
      await expect.poll(() => rows.count(), SOON).toBeGreaterThanOrEqual(60);
      expect(await page.locator(".toast").count()).toBe(0);
      await page.context().close();
    });

    test("follows an event from where it began to all that it caused", async () => {
      const uid = await house.shop.order({ id: 901, total: 10 });
      const journey = await settledJourney(uid);
      const { page } = await house.open(`event/${journey}`);
      const picture = page.getByRole("group", { name: "Journey of this event" });
      await expect.poll(() => picture.locator("a").count(), SOON).toBe(6);
      await keepPicture(page, "event");
      await page.context().close();
    });

    test("an event's page comes though it takes longer to read than the stream is silent", async () => {
      const uid = await house.shop.order({ id: 902, total: 10 });
      const journey = await settledJourney(uid);
      const { page } = await house.open("config");
      await page.route("**/api/v1/events/**", async (route) => {
        await delay(400);
        await route.continue();
      });
      const doors = openDoors(house.shop, 20);
      try {
        await page.evaluate(`location.hash = "#/event/${journey}"`);
        await page.getByRole("group", { name: "Journey of this event" }).waitFor(SOON);
      } finally {
        doors[Symbol.dispose]();
      }
      await page.context().close();
    });

    /** Waits until an order has reached the report; answers the uid of the event in the middle of its way. */
    async function settledJourney(uid: string): Promise<string> {
      const id = await runOf(house.shop, uid, "enrich", "succeeded");
      const middle = id.split("/")[0] as string;
      await expect
        .poll(async () => {
          const last = (await house.shop.orchestrator.history.journey(middle))?.caused[0];
          return last && (await house.shop.orchestrator.history.journey(last.uid))?.runs[0]?.state;
        }, SOON)
        .toBe("succeeded");
      return middle;
    }
  },
);

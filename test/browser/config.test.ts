import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Browser, Page } from "playwright-core";
import { registry } from "../../src/cli/load.ts";
import { assemble } from "../../src/config/assemble.ts";
import { PipelineChanges } from "../../src/config/changes.ts";
import { parsePipeline } from "../../src/config/load.ts";
import { Secrets } from "../../src/config/references.ts";
import { Orchestrator } from "../../src/engine/orchestrator.ts";
import { createApi } from "../../src/http/api.ts";
import { listen } from "../../src/http/listen.ts";
import { openPage } from "../../src/http/page.ts";
import { journalFrom } from "../../src/journal/open.ts";
import { differencesOf } from "../../ui/src/config/difference.ts";
import { buildPage, type BuiltPage } from "./build.ts";
import { keepPicture, launch, openTab, seriousOf, SOON, whyNoChromium } from "./chromium.ts";

const reason = whyNoChromium();

const TOML = `name = "shop"
journal = "memory:"
managed_by = "api"

[[input]]
name = "orders"
type = "webhook"
path = "/hooks/orders"
secret = "\${env:HOOK_SECRET}"

[[process]]
name = "notify"
type = "webhook"
url = "https://example.com/notify"
on = "orders"
`;

interface Shop extends AsyncDisposable {
  readonly url: string;
  readonly orchestrator: Orchestrator;
}

/** A pipeline from a text, which an admin may change, with the page. */
async function openShop(folder: string): Promise<Shop> {
  const environment = { HOOK_SECRET: "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ" };
  const pipeline = await parsePipeline(TOML, { registry, environment, file: "/nowhere/sluice.toml" });
  const secrets = new Secrets(pipeline.secrets);
  const orchestrator = assemble(pipeline, {
    create: ({ journal, retention, ...settings }) =>
      new Orchestrator({ ...settings, redact: secrets.redact, journal: journalFrom(journal, retention) }),
  });
  const onError = (error: unknown): never => {
    throw error;
  };
  const changes = new PipelineChanges(orchestrator, { registry, environment, pipeline, secrets, onError });
  const page = openPage(folder);
  if (page === undefined) throw new Error(`there is no page in ${folder}`);
  const tokens = { viewerToken: "look", token: "steer", adminToken: "change" };
  const api = createApi(orchestrator, { ...tokens, page, changes, allowsChanges: true, onError });
  const listener = await listen(api.fetch, { host: "127.0.0.1", port: 0 });
  await orchestrator.start();
  await changes.begin();
  return {
    url: listener.url,
    orchestrator,
    async [Symbol.asyncDispose]() {
      api.close();
      await listener.close(0);
      await orchestrator.stop({ grace: 0 });
    },
  };
}

describe.skipIf(reason !== undefined)(
  `the configuration in Chromium${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    let built: BuiltPage;
    let browser: Browser;
    beforeAll(async () => {
      built = await buildPage();
      browser = await launch();
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      await built?.[Symbol.asyncDispose]();
    });

    async function signIn(shop: Shop, token: string): Promise<{ page: Page; problems: string[] }> {
      const tab = await openTab(browser, `${shop.url}/#/config`);
      await tab.page.getByLabel("Token").fill(token);
      await tab.page.getByRole("button", { name: "Sign in" }).click();
      await tab.page.getByRole("heading", { name: "Versions" }).waitFor(SOON);
      return tab;
    }

    test("an admin plans a change, applies it, compares the versions and rolls back", async () => {
      await using shop = await openShop(built.folder);
      const { page, problems } = await signIn(shop, "change");
      const editor = page.getByRole("textbox", { name: "Configuration" });
      await expect.poll(() => editor.inputValue(), SOON).toBe(TOML);
      const changed = TOML.replace("/notify", "/tell").concat("concurrency = 3\n");
      await editor.fill(changed);
      await page.getByRole("button", { name: "Plan" }).click();
      const plan = page.getByRole("region", { name: "Plan" });
      await plan.getByText("https://example.com/tell").waitFor(SOON);
      expect(await page.locator("body").textContent()).not.toContain("c2VjcmV0");
      await keepPicture(page, "config-plan");
      await page.getByRole("button", { name: "Apply" }).click();
      await page.getByText(/Version \d+ runs/).waitFor(SOON);
      const versions = page.getByRole("region", { name: "Versions" }).locator("tbody tr");
      await expect.poll(() => versions.count(), SOON).toBe(2);
      expect(await versions.first().textContent()).toContain("admin token");
      await expect.poll(() => editor.inputValue(), SOON).toBe(changed);
      await versions.last().getByRole("button", { name: "Compare" }).click();
      await page.getByText("process.notify.url").waitFor(SOON);
      await page.locator("ins", { hasText: "https://example.com/tell" }).waitFor(SOON);
      const comparison = page.locator("section", { has: page.getByRole("heading", { name: "Versions" }) });
      await comparison.getByRole("button", { name: "Plan" }).click();
      await comparison.getByRole("button", { name: "Apply" }).click();
      await expect.poll(() => versions.count(), SOON).toBe(3);
      expect(await versions.first().textContent()).toContain("rollback");
      await expect.poll(() => editor.inputValue(), SOON).toBe(TOML);
      expect(problems).toEqual([]);
      await page.context().close();
    });

    test("what is wrong with a text is told with its place, and nothing changes", async () => {
      await using shop = await openShop(built.folder);
      const { page } = await signIn(shop, "change");
      const editor = page.getByRole("textbox", { name: "Configuration" });
      await editor.fill(TOML.replace('on = "orders"', 'on = "odrers"'));
      await page.getByRole("button", { name: "Plan" }).click();
      await page.getByText(/line \d+:\d+/).waitFor(SOON);
      expect(await page.getByRole("button", { name: "Apply" }).count()).toBe(0);
      await page.context().close();
    });

    test("what runs code is not for the page to bring in: the plan is refused, and says where it can be made", async () => {
      await using shop = await openShop(built.folder);
      const { page } = await signIn(shop, "change");
      const command = '\n[[process]]\nname = "shell"\ntype = "command"\nargv = ["true"]\non = "orders"\n';
      await page.getByRole("textbox", { name: "Configuration" }).fill(TOML + command);
      await page.getByRole("button", { name: "Plan" }).click();
      await page.getByText('process "shell"').first().waitFor(SOON);
      expect(await page.getByRole("button", { name: "Apply" }).count()).toBe(0);
      await page.context().close();
    });

    test("a process that goes with open runs waits for a word on them", async () => {
      await using shop = await openShop(built.folder);
      await shop.orchestrator.pause("notify");
      await shop.orchestrator.emit("orders", { id: "1" });
      const { page } = await signIn(shop, "change");
      const without = TOML.slice(0, TOML.indexOf("[[process]]"));
      await page.getByRole("textbox", { name: "Configuration" }).fill(without);
      await page.getByRole("button", { name: "Plan" }).click();
      const apply = page.getByRole("button", { name: "Apply" });
      await apply.waitFor(SOON);
      expect(await apply.isDisabled()).toBe(true);
      await page.getByLabel("Cancel them").check();
      await apply.click();
      await page.getByText(/Version \d+ runs/).waitFor(SOON);
      await expect
        .poll(async () => (await shop.orchestrator.history.runs({ state: "cancelled" })).items.length, SOON)
        .toBe(1);
      await page.context().close();
    });

    test("a plan that is out of date is not applied", async () => {
      await using shop = await openShop(built.folder);
      const first = await signIn(shop, "change");
      const second = await signIn(shop, "change");
      for (const [{ page }, path] of [
        [first, "/first"],
        [second, "/second"],
      ] as const) {
        await page.getByRole("textbox", { name: "Configuration" }).fill(TOML.replace("/notify", path));
        await page.getByRole("button", { name: "Plan" }).click();
        await page.getByRole("button", { name: "Apply" }).waitFor(SOON);
      }
      await first.page.getByRole("button", { name: "Apply" }).click();
      await first.page.getByText(/Version \d+ runs/).waitFor(SOON);
      await second.page.getByRole("button", { name: "Apply" }).click();
      await second.page.getByText("VERSION_CONFLICT").waitFor(SOON);
      for (const { page } of [first, second]) await page.context().close();
    });

    test.each(["look", "steer"])("who has the token %s sees versions, but changes nothing", async (token) => {
      await using shop = await openShop(built.folder);
      const { page, problems } = await signIn(shop, token);
      await page.getByRole("region", { name: "Versions" }).getByText("runs now").waitFor(SOON);
      expect(await page.getByRole("button", { name: /plan|apply/i }).count()).toBe(0);
      expect(await page.getByRole("textbox", { name: "Configuration" }).count()).toBe(0);
      expect(problems).toEqual([]);
      await page.context().close();
    });

    test.each(["light", "dark"] as const)("it stands in nobody's way, in %s", async (colorScheme) => {
      await using shop = await openShop(built.folder);
      const { page } = await signIn(shop, "change");
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.getByRole("textbox", { name: "Configuration" }).fill(TOML.replace("/notify", "/tell"));
      await page.getByRole("button", { name: "Plan" }).click();
      await page.getByRole("region", { name: "Plan" }).waitFor(SOON);
      expect(await seriousOf(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(390);
      await page.context().close();
    });
  },
);

test("configurations differ by what was added, removed and changed, components by name", () => {
  const before = { name: "a", input: [{ name: "x", tables: ["t"] }, { name: "y" }], http: { port: 1 } };
  const after = { name: "a", input: [{ name: "y" }, { name: "x", tables: ["t", "u"] }], grace: "1s" };
  expect(differencesOf(before, after)).toEqual([
    { path: "grace", before: undefined, after: '"1s"' },
    { path: "http.port", before: "1", after: undefined },
    { path: "input.x.tables", before: '["t"]', after: '["t","u"]' },
  ]);
  expect(differencesOf(before, structuredClone(before))).toEqual([]);
  expect(differencesOf(null, { a: 1 })).toEqual([{ path: "a", before: undefined, after: "1" }]);
});

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { buildPage } from "./build.ts";
import { launch, openTab, SOON } from "./chromium.ts";
import { openShop, type Shop } from "./shop.ts";

/** The page as it is built now, a browser, and a shop that serves the one to the other. */
export interface House extends AsyncDisposable {
  /** Where the built page lies. */
  readonly folder: string;
  readonly browser: Browser;
  readonly shop: Shop;
  /** Opens a page of the shop by its hash. */
  open(path: string, options?: BrowserContextOptions): Promise<{ page: Page; problems: string[] }>;
}

export async function openHouse(): Promise<House> {
  await using rooms = new AsyncDisposableStack();
  const { folder } = rooms.use(await buildPage());
  const browser = rooms.adopt(await launch(), (open) => open.close());
  const config = { name: "orders", http: { token: "***" }, key: "***" };
  const shop = rooms.use(await openShop(folder, { config }));
  const all = rooms.move();
  return {
    folder,
    browser,
    shop,
    open: (path, options) => openTab(browser, `${shop.url}/#/${path}`, options),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The run of a process that an order leads to, once it is in a state. */
export async function runOf(
  { orchestrator }: Shop,
  uid: string,
  process: string,
  state: string,
): Promise<string> {
  const { history } = orchestrator;
  let id: string | undefined;
  await expect
    .poll(async () => {
      const caused = (await history.journey(uid))?.caused[0];
      const runs = caused === undefined ? [] : ((await history.journey(caused.uid))?.runs ?? []);
      id = runs.find((run) => run.process === process && run.state === state)?.id;
      return id;
    }, SOON)
    .toBeTypeOf("string");
  return id as string;
}

import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"] as const;

/** How long anything on the page may take, on a machine that others share. */
export const SOON = { timeout: 15_000 } as const;

/** Where there is a Chromium, or `undefined`. SLUICE_CHROMIUM names another. */
function findChromium(): string | undefined {
  return [process.env["SLUICE_CHROMIUM"] ?? "", ...PLACES].find((path) => path !== "" && existsSync(path));
}

/**
 * Why there is no browser here; `undefined` if there is. With `chromium` in SLUICE_TEST_REQUIRE the reason is thrown
 * instead: there, a skip is a failure.
 */
export function whyNoChromium(): string | undefined {
  if (findChromium() !== undefined) return undefined;
  const reason = "there is no Chromium: install the package chromium, or name one in SLUICE_CHROMIUM";
  if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("chromium") === true) throw new Error(reason);
  return reason;
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() as string,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page, and all that went wrong in it: errors, refused resources, requests to elsewhere. */
export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // A refused token is answered 401, which the browser notes by itself.
    if (message.type() === "error" && !message.text().includes("401")) problems.push(message.text());
  });
  page.on("dialog", (dialog) => {
    problems.push(`the page opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(url).origin)) problems.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return { page, problems };
}

/** Keeps a picture in a folder that git ignores. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = join(import.meta.dirname, ".data");
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds that keeps somebody from using the page. */
export async function seriousOf(page: Page): Promise<string[]> {
  await page.evaluate(`if (!("axe" in window)) { ${AXE} }`);
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>(
    "axe.run(document, { resultTypes: ['violations'] })",
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

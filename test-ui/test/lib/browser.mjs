// Debian's Chromium, and pages in it whose console must stay clean.
import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE_MS } from "./wait.mjs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** CHROMIUM names another one. */
function findChromium() {
  const found = [process.env.CHROMIUM, ...PLACES].find((path) => {
    try {
      if (path) accessSync(path, constants.X_OK);
      return Boolean(path);
    } catch {
      return false;
    }
  });
  assert.ok(found, "These tests need Chromium: apt-get install chromium, or set CHROMIUM to the program.");
  return found;
}

export function launchBrowser() {
  return chromium.launch({
    executablePath: findChromium(),
    headless: true,
    args: [
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

/**
 * A browser of one user: a context with cookies of its own. `user` is signed in already, if given; `expected` are the
 * lines of the console that this test provokes, each as narrow as can be.
 */
export async function openContext(browser, { url, user, expected = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  const note = (what) => expected.some((pattern) => pattern.test(what)) || complaints.push(what);
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) note(`${message.text()} @ ${message.location().url}`);
  });
  context.on("weberror", (error) => note(`uncaught: ${error.error().stack}`));
  if (user) {
    const [name, value] = user.cookie.split("=");
    await context.addCookies([{ name, value, url, httpOnly: true, sameSite: "Lax" }]);
  }
  /** To be called last: nothing was said on the console that was not expected. */
  context.assertClean = () => assert.deepEqual(complaints, [], "the console stays clean");
  return context;
}

/** Lines that Chromium itself writes for failed requests; nothing a page can do about them. */
export const REFUSED = (status, path) =>
  new RegExp(
    `^Failed to load resource: the server responded with a status of ${status} .* @ http://127\\.0\\.0\\.1:\\d+${path}`,
  );
/** Without a connection: any request, and any websocket. */
export const OFFLINE =
  /net::ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|NETWORK_CHANGED|SOCKET_NOT_CONNECTED)/;
/** Opens a vault and waits until it is live. */
export async function openVault(context, url, vault, extra = "") {
  const page = await context.newPage();
  await page.goto(`${url}/test/realtime?vaultId=${vault.id}${extra}`);
  await connection(page, `Connected to vault-${vault.id}`);
  return page;
}

/** Waits for the connection to be as these words say. */
export async function connection(page, words, ms = PATIENCE_MS) {
  await page.getByTestId("connection").getByText(words, { exact: true }).waitFor({ timeout: ms });
}

/** The row of a source, by its title. */
export function sourceRow(page, title) {
  return page.locator("[data-source]").filter({ has: page.getByText(title, { exact: true }) });
}

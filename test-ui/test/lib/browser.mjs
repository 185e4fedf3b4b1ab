// Starts Chromium, and opens pages whose console must stay clean.
import assert from "node:assert/strict";
import { accessSync, constants } from "node:fs";
import { chromium } from "playwright-core";
import { DEADLINE_MS } from "./wait.mjs";

const CHROMIUM_PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Returns the path of Chromium, or of the browser that CHROMIUM names. */
function findChromium() {
  const found = [process.env.CHROMIUM, ...CHROMIUM_PATHS].find((path) => {
    try {
      if (path) accessSync(path, constants.X_OK);
      return Boolean(path);
    } catch {
      return false;
    }
  });
  assert.ok(found, "These tests need Chromium: apt-get install chromium, or set CHROMIUM to the path of the program.");
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
 * Opens a browser context, which has its own cookies. `user` is signed in, if given. `expected` are patterns of the
 * console lines that the test provokes, each as narrow as possible.
 */
export async function openContext(browser, { url, user, expected = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(DEADLINE_MS);
  const unexpected = [];
  const record = (line) => expected.some((pattern) => pattern.test(line)) || unexpected.push(line);
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) record(`${message.text()} @ ${message.location().url}`);
  });
  context.on("weberror", (error) => record(`uncaught: ${error.error().stack}`));
  if (user) {
    const [name, value] = user.cookie.split("=");
    await context.addCookies([{ name, value, url, httpOnly: true, sameSite: "Lax" }]);
  }
  /** Asserts that the console has no unexpected lines. Call it last. */
  context.assertClean = () => assert.deepEqual(unexpected, [], "the console stays clean");
  return context;
}

/** Returns the pattern of the line that Chromium itself writes for a failed request. A page cannot prevent it. */
export const REFUSED = (status, path) =>
  new RegExp(
    `^Failed to load resource: the server responded with a status of ${status} .* @ http://127\\.0\\.0\\.1:\\d+${path}`,
  );
/** The lines for requests and websockets without a connection. */
export const OFFLINE =
  /net::ERR_(INTERNET_DISCONNECTED|CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|NETWORK_CHANGED|SOCKET_NOT_CONNECTED)/;

/** Opens a vault and waits until it is live. */
export async function openVault(context, url, vault, extra = "") {
  const page = await context.newPage();
  await page.goto(`${url}/test/realtime?vaultId=${vault.id}${extra}`);
  await waitForConnection(page, `Connected to vault-${vault.id}`);
  return page;
}

/** Waits until the connection status shows `text`. */
export async function waitForConnection(page, text, ms = DEADLINE_MS) {
  await page.getByTestId("connection").getByText(text, { exact: true }).waitFor({ timeout: ms });
}

/** Returns the row of the source with this title. */
export function sourceRow(page, title) {
  return page.locator("[data-source]").filter({ has: page.getByText(title, { exact: true }) });
}

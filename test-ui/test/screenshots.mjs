// Takes the screenshots of the documentation from the real page: `npm run screenshots`.
//
// They depend on the machine. With the font Inter (Debian: fonts-inter) they look more like most people's systems, and
// with pngquant they are a third of the size.
import { mkdirSync, statSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openContext, openVault, sourceRow, waitForConnection } from "./lib/browser.mjs";
import { preferInter, tool } from "./lib/picture.mjs";
import { RestUser } from "./lib/rest-user.mjs";
import { run } from "./lib/server.mjs";
import { startWorld } from "./lib/world.mjs";

const OUT = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const WIDE = { width: 1280, height: 900 };
const SCHEMES = ["light", "dark"];

const PAPERS = [
  ["RFC 9110: HTTP Semantics", "https://www.rfc-editor.org/rfc/rfc9110.pdf"],
  ["Time, Clocks, and the Ordering of Events", "https://lamport.azurewebsites.net/pubs/time-clocks.pdf"],
  ["PostgreSQL manual: Explicit locking", "https://www.postgresql.org/docs/current/explicit-locking.html"],
  ["Socket.IO protocol, revision 5", "https://socket.io/docs/v4/socket-io-protocol/"],
  ["Life beyond Distributed Transactions", "https://queue.acm.org/detail.cfm?id=3025012"],
  ["RFC 9562: UUIDs", "https://www.rfc-editor.org/rfc/rfc9562.pdf"],
  ["A Conflict-Free Replicated JSON Datatype", "https://arxiv.org/pdf/1608.03960"],
];

preferInter();
mkdirSync(OUT, { recursive: true });
const world = await startWorld();
try {
  await run(["seed-demo"], { DATABASE_URL: world.database.url });
  const [owner, contributor, viewer] = await Promise.all(
    ["owner", "contributor", "viewer"].map((role) =>
      new RestUser(world.url).signIn(`${role}@demo.com`, "syncscript-demo"),
    ),
  );
  const [vault] = (await owner.request("GET", "/api/vaults")).body.vaults;
  const sources = [];
  for (const [title, url] of PAPERS) sources.push(await contributor.addSource(vault, title, url));
  const standards = await owner.createVault("Standards");
  await owner.addSource(standards, "ISO 8601: Date and time", "https://www.iso.org/iso-8601-date-and-time-format.html");

  const open = (user, options) => openContext(world.browser, { url: world.url, user, viewport: WIDE, ...options });
  const users = { owner, contributor, viewer };
  const takeScreenshot = async (page, name) => {
    const path = `${OUT}${name}.png`;
    await page.screenshot({ path });
    tool("pngquant", ["--force", "--strip", "--speed=1", "--quality=90-100", "--output", path, path]);
    console.log(`${name}.png: ${Math.round(statSync(path).size / 1000)} kB`);
  };

  for (const colorScheme of SCHEMES) {
    await login(await open(undefined, { colorScheme }), `login-${colorScheme}`);
    await busyVault(await open(owner, { colorScheme }), `vault-${colorScheme}`);
    await viewerAttempt(await open(viewer, { colorScheme }), `viewer-${colorScheme}`);
  }
  await conflict(await open(owner, { colorScheme: "light" }), "conflict-light");
  await history(await open(owner, { colorScheme: "light" }), "history-light");
  await panes(await open(owner, { colorScheme: "dark" }), "panes-dark");
  await narrowScreen(
    await open(viewer, { colorScheme: "light", viewport: { width: 390, height: 844 } }),
    "narrow-light",
  );
  await offline(await open(contributor, { colorScheme: "dark" }), "reconnecting-dark");

  async function login(context, name) {
    const page = await context.newPage();
    await page.goto(`${world.url}/test/realtime?vaultId=${vault.id}`);
    await page.getByRole("button", { name: /Vera Viewer/ }).waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }

  /** A busy vault: a source just added, one changed and one removed, and latencies to plot. */
  async function busyVault(context, name) {
    const page = await openVault(context, world.url, vault);
    for (let i = 0; i < 120; i++) {
      // The pace of a busy team, not the server's maximum.
      await pause(30);
      const source = sources[i % sources.length];
      await users[i % 2 ? "owner" : "contributor"].changeSource(source, {
        title: `${source.title}${i < 113 ? " (draft)" : ""}`,
      });
    }
    await page.locator("[data-highlight]").first().waitFor({ state: "detached" });
    const extra = await contributor.addSource(vault, "Notes to be thrown away", "https://example.com/notes.pdf");
    const added = await owner.addSource(vault, "Designing Data-Intensive Applications", "https://dataintensive.net/");
    await contributor.changeSource(added, { title: "Designing Data-Intensive Applications, chapter 11" });
    const newest = await owner.addSource(vault, "RFC 6202: Long Polling", "https://www.rfc-editor.org/rfc/rfc6202.pdf");
    await contributor.removeSource(extra);
    await page.locator("[data-highlight=removed]").waitFor();
    await takeScreenshot(page, name);
    for (const source of [added, newest]) await owner.removeSource(source);
    await context.close();
  }

  async function viewerAttempt(context, name) {
    const page = await openVault(context, world.url, vault);
    await page.getByRole("button", { name: "Try it anyway" }).click();
    await page.getByText("The server refused").waitFor();
    await page.locator("[data-seq]").nth(2).click();
    await page.getByLabel("Payload", { exact: true }).waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }

  async function conflict(context, name) {
    const page = await openVault(context, world.url, vault);
    const title = (await owner.request("GET", `/api/sources/${sources[1].id}`)).body.source.title;
    await page.getByRole("button", { name: `Edit ${title}` }).click();
    await page.getByRole("dialog").getByLabel("Title").fill("Lamport: Time, Clocks, and the Ordering of Events");
    await contributor.changeSource(sources[1], { title: "Time, Clocks (Lamport 1978)" });
    await page.getByText("changed this source while you were editing").waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }

  async function history(context, name) {
    const page = await openVault(context, world.url, vault);
    await page.getByRole("slider", { name: "History" }).fill("9");
    await page.getByRole("group", { name: "Sources as of event 9" }).waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }

  async function panes(context, name) {
    const page = await context.newPage();
    await page.goto(`${world.url}/test/realtime?panes=${vault.id},${standards.id}`);
    for (const side of ["Left", "Right"]) {
      const pane = page.frameLocator(`iframe[title="${side} pane"]`);
      await pane.getByTestId("connection").getByText("Connected to").waitFor();
      // The authors come with the log.
      await pane.locator("[data-source]", { hasText: " by " }).first().waitFor();
    }
    await page
      .getByRole("combobox", { name: "Vault of the left pane" })
      .getByText("Standards")
      .waitFor({ state: "attached" });
    await takeScreenshot(page, name);
    await context.close();
  }

  async function narrowScreen(context, name) {
    const page = await openVault(context, world.url, vault);
    await contributor.addSource(vault, "RFC 8895: ALTO", "https://www.rfc-editor.org/rfc/rfc8895.pdf");
    await sourceRow(page, "RFC 8895: ALTO").waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }

  /** Runs last, because it stops the server. */
  async function offline(context, name) {
    const page = await openVault(context, world.url, vault);
    await world.server.stop("SIGKILL");
    await waitForConnection(page, "Reconnecting, attempt 3");
    await page.getByLabel("Title", { exact: true }).fill("Written on a train");
    await page.getByLabel("File URL").fill("https://example.com/train.pdf");
    await page.getByRole("button", { name: "Add source" }).click();
    await page.locator("[data-edit]").waitFor();
    await takeScreenshot(page, name);
    await context.close();
  }
} finally {
  await world.close();
}

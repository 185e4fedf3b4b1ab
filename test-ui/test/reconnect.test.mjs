// After a lost connection, the page is live again within 2 s and has missed no event (I4).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OFFLINE, openContext, openVault, sourceRow, waitForConnection } from "./lib/browser.mjs";
import { RestUser } from "./lib/rest-user.mjs";
import { Server } from "./lib/server.mjs";
import { eventually } from "./lib/wait.mjs";
import { startWorld } from "./lib/world.mjs";

/** The promised time from the return of the server or the network until the page is live, in milliseconds. */
const BACK_MS = 2_000;

let world, owner, viewer;
before(async () => {
  world = await startWorld();
  [owner, viewer] = await Promise.all(["Olivia Owner", "Vera Viewer"].map(world.signUp));
});
after(() => world?.close());

async function createSharedVault(name) {
  const vault = await owner.createVault(name);
  await owner.addMember(vault, viewer, "viewer");
  return vault;
}

const open = (user) => openContext(world.browser, { url: world.url, user, expected: [OFFLINE] });

/** Waits until the page is live again, and asserts that this took at most BACK_MS since `from`. */
async function assertBackInTime(t, page, vault, from) {
  await waitForConnection(page, `Connected to vault-${vault.id}`);
  const ms = Math.round(performance.now() - from);
  t.diagnostic(`live again after ${ms} ms; the page says: ${await page.getByTestId("outage").innerText()}`);
  assert.ok(ms <= BACK_MS, `the page is live again within ${BACK_MS} ms, not ${ms}`);
}

/** Asserts that the page shows the server's state. */
async function assertShowsServerState(page, rest, vault) {
  const { body } = await rest.request("GET", `/api/vaults/${vault.id}/sources`);
  const wanted = body.sources.map(({ title }) => title).reverse();
  await eventually(async () => {
    const shown = await page.locator("[data-source]:not([data-highlight=removed]) a").allInnerTexts();
    return shown.join("\n") === wanted.join("\n");
  }, `the page shows ${wanted}`);
  await eventually(
    async () => (await page.getByTestId("position").innerText()) === `Live at seq ${body.seq}`,
    `the page is at seq ${body.seq}`,
  );
}

test("after the server is killed and restarted, the page has the changes made on another server in between", async (t) => {
  const vault = await createSharedVault("Restart");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  const kept = await owner.addSource(vault, "Before the crash");
  await sourceRow(page, "Before the crash").waitFor();

  const other = await Server.start({ database: world.database });
  try {
    const elsewhere = new RestUser(other.url);
    elsewhere.cookie = owner.cookie;
    await world.server.stop("SIGKILL");
    await page
      .getByTestId("connection")
      .getByText(/^Reconnecting, attempt [1-9]\d*$/)
      .waitFor();
    for (let i = 1; i <= 5; i++) await elsewhere.addSource(vault, `During the outage ${i}`);
    await elsewhere.changeSource(kept, { title: "Changed during the outage" });
    await elsewhere.removeSource(await elsewhere.addSource(vault, "Added and removed"));

    world.server = await Server.start({ database: world.database, port: world.server.port });
    await assertBackInTime(t, page, vault, performance.now());
    assert.match(await page.getByTestId("outage").innerText(), /8 events caught up/);
    await assertShowsServerState(page, elsewhere, vault);
  } finally {
    await other.stop();
  }
  await owner.addSource(vault, "After the outage");
  await sourceRow(page, "After the outage").waitFor();
  context.assertClean();
});

test("when the network fails and returns, the page shows it, reconnects and misses no event", async (t) => {
  const vault = await createSharedVault("Network");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  await context.setOffline(true);
  await page
    .getByTestId("connection")
    .getByText(/^(Connection lost|Reconnecting, attempt \d+)$/)
    .waitFor();
  for (let i = 1; i <= 5; i++) await owner.addSource(vault, `While away ${i}`);
  // Several attempts, so that the delays between them have grown.
  await page
    .getByTestId("connection")
    .getByText(/^Reconnecting, attempt ([4-9]|\d\d+)$/)
    .waitFor();
  await context.setOffline(false);
  await assertBackInTime(t, page, vault, performance.now());
  await assertShowsServerState(page, owner, vault);
  context.assertClean();
});

test("a source added offline is shown as unsaved, and is saved once when the network is back", async () => {
  const vault = await createSharedVault("Offline work");
  const context = await open(owner);
  const page = await openVault(context, world.url, vault);
  await context.setOffline(true);
  await page
    .getByTestId("connection")
    .getByText(/^(Connection lost|Reconnecting, attempt \d+)$/)
    .waitFor();
  await page.getByLabel("Title", { exact: true }).fill("Written on a train");
  await page.getByLabel("File URL").fill("https://example.com/train.pdf");
  await page.getByRole("button", { name: "Add source" }).click();
  await page.locator('[data-edit="sending"]', { hasText: "Written on a train" }).getByText("saving…").waitFor();
  await context.setOffline(false);
  await sourceRow(page, "Written on a train").waitFor();
  await page.locator("[data-edit]").waitFor({ state: "detached" });
  await assertShowsServerState(page, owner, vault);
  context.assertClean();
});

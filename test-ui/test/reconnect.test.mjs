// The connection is lost, in both of the usual ways: the page is back within 2 s, and has missed nothing (I4).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connection, OFFLINE, openContext, openVault, sourceRow } from "./lib/browser.mjs";
import { Rest } from "./lib/rest.mjs";
import { Server } from "./lib/server.mjs";
import { eventually } from "./lib/wait.mjs";
import { startWorld } from "./lib/world.mjs";

/** From the moment the server or the network is there again, in milliseconds. */
const BACK_MS = 2_000;

let world, owner, viewer;
before(async () => {
  world = await startWorld();
  [owner, viewer] = await Promise.all(["Olivia Owner", "Vera Viewer"].map(world.signUp));
});
after(() => world?.close());

async function vaultOfTwo(name) {
  const vault = await owner.createVault(name);
  await owner.addMember(vault, viewer, "viewer");
  return vault;
}

const open = (user) => openContext(world.browser, { url: world.url, user, expected: [OFFLINE] });

/** Waits until the page is live again, and judges how long that took since `from`. */
async function back(t, page, vault, from) {
  await connection(page, `Connected to vault-${vault.id}`);
  const ms = Math.round(performance.now() - from);
  t.diagnostic(`live again after ${ms} ms; the page says: ${await page.getByTestId("outage").innerText()}`);
  assert.ok(ms <= BACK_MS, `the page is live again within ${BACK_MS} ms, not ${ms}`);
}

/** What the page shows is what the server has. */
async function assertSame(page, rest, vault) {
  const { body } = await rest.ask("GET", `/api/vaults/${vault.id}/sources`);
  const wanted = body.sources.map(({ title }) => title).reverse();
  await eventually(async () => {
    const shown = await page.locator("[data-source]:not([data-mark=removed]) a").allInnerTexts();
    return shown.join("\n") === wanted.join("\n");
  }, `the page shows ${wanted}`);
  await eventually(
    async () => (await page.getByTestId("position").innerText()) === `Live at seq ${body.seq}`,
    `the page is at seq ${body.seq}`,
  );
}

test("the server is killed and started again: the page reconnects and has what other servers took meanwhile", async (t) => {
  const vault = await vaultOfTwo("Restart");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  const kept = await owner.addSource(vault, "Before the crash");
  await sourceRow(page, "Before the crash").waitFor();

  const other = await Server.start({ database: world.database });
  try {
    const elsewhere = new Rest(other.url);
    elsewhere.cookie = owner.cookie;
    await world.server.end("SIGKILL");
    await page
      .getByTestId("connection")
      .getByText(/^Reconnecting, attempt [1-9]\d*$/)
      .waitFor();
    for (let i = 1; i <= 5; i++) await elsewhere.addSource(vault, `During the outage ${i}`);
    await elsewhere.changeSource(kept, { title: "Changed during the outage" });
    await elsewhere.removeSource(await elsewhere.addSource(vault, "Come and gone"));

    world.server = await Server.start({ database: world.database, port: world.server.port });
    await back(t, page, vault, performance.now());
    assert.match(await page.getByTestId("outage").innerText(), /8 events caught up/);
    await assertSame(page, elsewhere, vault);
  } finally {
    await other.end();
  }
  await owner.addSource(vault, "After it");
  await sourceRow(page, "After it").waitFor();
  context.assertClean();
});

test("the network goes and comes: the page says so, reconnects and misses nothing", async (t) => {
  const vault = await vaultOfTwo("Network");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  await context.setOffline(true);
  await page
    .getByTestId("connection")
    .getByText(/^(Connection lost|Reconnecting, attempt \d+)$/)
    .waitFor();
  for (let i = 1; i <= 5; i++) await owner.addSource(vault, `While away ${i}`);
  // Well into the growing waits between attempts.
  await page
    .getByTestId("connection")
    .getByText(/^Reconnecting, attempt ([4-9]|\d\d+)$/)
    .waitFor();
  await context.setOffline(false);
  await back(t, page, vault, performance.now());
  await assertSame(page, owner, vault);
  context.assertClean();
});

test("what is added without a network is shown as not yet saved, and is saved once when the network is back", async () => {
  const vault = await vaultOfTwo("Offline work");
  const context = await open(owner);
  const page = await openVault(context, world.url, vault);
  await context.setOffline(true);
  await page
    .getByTestId("connection")
    .getByText(/^(Connection lost|Reconnecting, attempt \d+)$/)
    .waitFor();
  await page.getByLabel("Title", { exact: true }).fill("Written on a train");
  await page.getByLabel("Address of the file").fill("https://example.com/train.pdf");
  await page.getByRole("button", { name: "Add source" }).click();
  await page.locator('[data-edit="sending"]', { hasText: "Written on a train" }).getByText("saving…").waitFor();
  await context.setOffline(false);
  await sourceRow(page, "Written on a train").waitFor();
  await page.locator("[data-edit]").waitFor({ state: "detached" });
  await assertSame(page, owner, vault);
  context.assertClean();
});

// The user's own changes appear at once and end in the server's state, whatever happens to requests and responses.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, REFUSED, sourceRow } from "./lib/browser.mjs";
import { eventually } from "./lib/wait.mjs";
import { startWorld } from "./lib/world.mjs";

let world, owner, contributor;
before(async () => {
  world = await startWorld();
  [owner, contributor] = await Promise.all(["Olivia Owner", "Carlos Contributor"].map(world.signUp));
});
after(() => world?.close());

async function openSharedVault(user, expected = []) {
  const vault = await owner.createVault("Optimistic edits");
  await owner.addMember(vault, contributor, "contributor");
  const context = await openContext(world.browser, { url: world.url, user, expected });
  return { vault, context, page: await openVault(context, world.url, vault) };
}

async function add(page, title) {
  await page.getByLabel("Title", { exact: true }).fill(title);
  await page.getByLabel("File URL").fill("https://example.com/a.pdf");
  await page.getByRole("button", { name: "Add source" }).click();
}

const listed = async (vault) => (await owner.request("GET", `/api/vaults/${vault.id}/sources`)).body.sources;

/** Returns a promise and the function that resolves it. */
function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}

test("a change appears before the response, then shows the server's version", async () => {
  const { vault, context, page } = await openSharedVault(owner);
  await owner.addSource(vault, "Draft");
  const { open, opened } = gate();
  await page.route("**/api/sources/*", async (route) => {
    await opened;
    await route.continue();
  });
  await page.getByRole("button", { name: "Edit Draft" }).click();
  await page.getByRole("dialog").getByLabel("Title").fill("Final");
  await page.getByRole("button", { name: "Save" }).click();
  const row = sourceRow(page, "Final");
  await row.getByText("saving…").waitFor();
  assert.match(await row.innerText(), /v1/);
  open();
  await eventually(async () => /v2/.test(await row.innerText()), "the row is version 2");
  await row.getByText("saving…").waitFor({ state: "detached" });
  context.assertClean();
});

test("an event that arrives before the response does not list the source twice", async () => {
  const { vault, context, page } = await openSharedVault(owner);
  const { open, opened } = gate();
  await page.route("**/sources", async (route) => {
    const response = await route.fetch();
    await opened;
    await route.fulfill({ response });
  });
  await add(page, "Only once");
  await page.locator("[data-source]", { hasText: "Only once" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "Only once" }).count(), 1);
  open();
  await page.locator("[data-edit]").waitFor({ state: "detached" });
  assert.equal(await page.getByRole("link", { name: "Only once" }).count(), 1);
  assert.equal((await listed(vault)).length, 1);
  context.assertClean();
});

test("after a lost response the page retries, and the change is applied once (I9)", async () => {
  const { vault, context, page } = await openSharedVault(owner, [/net::ERR_CONNECTION_RESET/]);
  const keys = [];
  await page.route("**/sources", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort("connectionreset");
  });
  await add(page, "Sent twice");
  await eventually(() => keys.length === 2, "a second request");
  await page.locator("[data-edit]").waitFor({ state: "detached" });
  await sourceRow(page, "Sent twice").waitFor();
  assert.equal(keys[0], keys[1]);
  assert.equal((await listed(vault)).length, 1);
  assert.equal(await page.getByRole("link", { name: "Sent twice" }).count(), 1);
  context.assertClean();
});

test("an edit of an older version is rejected, the current version is loaded, and the user decides", async () => {
  const { vault, context, page } = await openSharedVault(owner, [REFUSED(412, "/api/sources/")]);
  const source = await owner.addSource(vault, "First words");
  await page.getByRole("button", { name: "Edit First words" }).click();
  const dialog = page.getByRole("dialog");
  await contributor.changeSource(source, { title: "Their words" });
  await dialog.getByText("Carlos Contributor changed this source while you were editing.").waitFor();
  await dialog.getByLabel("Title").fill("My words");
  await dialog.getByRole("button", { name: "Save" }).click();

  const row = sourceRow(page, "Their words");
  await row.getByText("Not changed. Someone else changed it first (412). Version 2 is loaded.").waitFor();
  await row.getByRole("button", { name: "Edit again" }).click();
  assert.equal(await dialog.getByLabel("Title").inputValue(), "My words", "the user's text is kept");
  await dialog.getByText("“Their words”").waitFor();
  await dialog.getByRole("button", { name: "Keep mine" }).click();
  await dialog.getByText("Based on version 2").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await eventually(async () => /v3/.test(await sourceRow(page, "My words").innerText()), "my words as version 3");
  assert.equal((await listed(vault))[0].title, "My words");
  context.assertClean();
});

test("a user cannot delete a source that changed before they saw the change", async () => {
  const { vault, context, page } = await openSharedVault(owner, [REFUSED(412, "/api/sources/")]);
  const source = await owner.addSource(vault, "Worthless");
  await page.getByRole("button", { name: "Delete Worthless" }).click();
  await contributor.changeSource(source, { title: "Precious" });
  await sourceRow(page, "Precious").waitFor();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  const row = sourceRow(page, "Precious");
  await row.getByText(/^Not removed\. Someone else changed it first \(412\)/).waitFor();
  await row.getByRole("button", { name: "Discard" }).click();
  await row.getByRole("button", { name: "Delete Precious" }).waitFor();
  assert.equal((await listed(vault)).length, 1);
  context.assertClean();
});

test("a rejected change is reverted, with the reason", async () => {
  const { vault, context, page } = await openSharedVault(contributor, [REFUSED(403, "/api/vaults/")]);
  const { open, opened } = gate();
  await page.route("**/sources", async (route) => {
    await opened;
    await route.continue();
  });
  await add(page, "Too late");
  await page.getByText("saving…").waitFor();
  await owner.request("PATCH", `/api/vaults/${vault.id}/members/${contributor.user.id}`, { role: "viewer" });
  open();
  await page.getByText("Not added. Insufficient permissions").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByText("No sources yet.").waitFor();
  assert.equal((await listed(vault)).length, 0);
  context.assertClean();
});

// Two panes side by side, and the second user.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault } from "./lib/browser.mjs";
import { PASSWORD, RestUser } from "./lib/rest-user.mjs";
import { startWorld } from "./lib/world.mjs";

let world, owner, first, second;
before(async () => {
  world = await startWorld();
  owner = await world.signUp("Olivia Owner");
  [first, second] = [await owner.createVault("First"), await owner.createVault("Second")];
});
after(() => world?.close());

const pane = (page, name) => page.frameLocator(`iframe[title="${name} pane"]`);
const connected = (frame, vault) =>
  frame.getByTestId("connection").getByText(`Connected to vault-${vault.id}`).waitFor();

test("with one vault in both panes, a source added in one appears in the other; then two vaults", async () => {
  const context = await openContext(world.browser, { url: world.url, user: owner });
  const page = await openVault(context, world.url, first);
  await page.getByRole("link", { name: "Side by side" }).click();
  const [left, right] = [pane(page, "Left"), pane(page, "Right")];
  await connected(left, first);
  await connected(right, first);
  await left.getByLabel("Title", { exact: true }).fill("Seen twice");
  await left.getByLabel("File URL").fill("https://example.com/twice.pdf");
  await left.getByRole("button", { name: "Add source" }).click();
  await right.getByRole("link", { name: "Seen twice" }).waitFor({ timeout: 1_000 });

  await page.getByLabel("Vault of the right pane").selectOption("Second");
  await connected(right, second);
  await owner.addSource(second, "Here only");
  await right.getByRole("link", { name: "Here only" }).waitFor();
  assert.equal(await left.getByRole("link", { name: "Here only" }).count(), 0);
  await page.reload();
  await connected(pane(page, "Right"), second);
  context.assertClean();
});

test("when the session ends in a pane, the whole page goes to login and returns to both panes", async () => {
  const session = await new RestUser(world.url).signIn(owner.user.email, PASSWORD);
  const context = await openContext(world.browser, { url: world.url, user: session });
  const page = await context.newPage();
  const panes = `?panes=${encodeURIComponent(`${first.id},${second.id}`)}`;
  await page.goto(`${world.url}/test/realtime${panes}`);
  await connected(pane(page, "Left"), first);
  await connected(pane(page, "Right"), second);
  await session.request("POST", "/api/auth/logout");
  await page.waitForURL("**/login?**");
  await page.getByLabel("Email").fill(owner.user.email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await connected(pane(page, "Left"), first);
  await connected(pane(page, "Right"), second);
  assert.equal(new URL(page.url()).search, panes);
  context.assertClean();
});

test("the other name of this machine opens the page for a second user", async () => {
  const context = await openContext(world.browser, { url: world.url, user: owner });
  const page = await openVault(context, world.url, first);
  await page.getByRole("button", { name: "Second user" }).click();
  await page.getByText("private window").waitFor();
  assert.equal(await page.getByLabel("Address of this page").inputValue(), page.url());
  const opened = context.waitForEvent("page");
  await page.getByRole("link", { name: "Open as a second user" }).click();
  const other = await opened;
  await other.waitForURL(`http://localhost:${world.server.port}/login?**`);
  await other.getByRole("button", { name: "Sign in" }).waitFor();
  context.assertClean();
});

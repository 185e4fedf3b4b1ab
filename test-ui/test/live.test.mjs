// Two people in one vault, in two browsers: each sees what the other does, by role (scenarios 1 and 3 of the plan).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, REFUSED, sourceRow } from "./lib/browser.mjs";
import { startWorld } from "./lib/world.mjs";

/** What is promised between a change and its appearance in another browser, in milliseconds. */
const ARRIVAL_MS = 1_000;

let world, owner, contributor, viewer;
before(async () => {
  world = await startWorld();
  [owner, contributor, viewer] = await Promise.all(
    ["Olivia Owner", "Carlos Contributor", "Vera Viewer"].map(world.signUp),
  );
});
after(() => world?.close());

async function vaultOfThree() {
  const vault = await owner.createVault("Reading list");
  await owner.addMember(vault, contributor, "contributor");
  await owner.addMember(vault, viewer, "viewer");
  return vault;
}

const open = (user) => openContext(world.browser, { url: world.url, user });

/** Does `act`, and prints how long it took from then until `seen`. */
async function arrives(t, what, act, seen) {
  const watching = seen();
  // Judged below; unhandled it would end the process if `act` fails.
  watching.catch(() => {});
  const from = performance.now();
  await act();
  await watching;
  const ms = Math.round(performance.now() - from);
  t.diagnostic(`${what}: seen by the other after ${ms} ms`);
  assert.ok(ms <= ARRIVAL_MS, `${what} arrives within ${ARRIVAL_MS} ms, not ${ms}`);
}

test("owner and contributor see each other add, change and remove sources within 1 s", async (t) => {
  const vault = await vaultOfThree();
  const [ownersContext, othersContext] = [await open(owner), await open(contributor)];
  const [mine, theirs] = [
    await openVault(ownersContext, world.url, vault),
    await openVault(othersContext, world.url, vault),
  ];

  await mine.getByLabel("Title", { exact: true }).fill("A paper");
  await mine.getByLabel("Address of the file").fill("https://example.com/a.pdf");
  await arrives(
    t,
    "added",
    () => mine.getByRole("button", { name: "Add source" }).click(),
    () => sourceRow(theirs, "A paper").waitFor(),
  );
  const row = sourceRow(theirs, "A paper");
  assert.match(await row.innerText(), /added by Olivia Owner \d\d:\d\d:\d\d/);
  const link = row.getByRole("link", { name: "A paper" });
  assert.equal(await link.getAttribute("href"), "https://example.com/a.pdf");
  assert.match((await link.getAttribute("rel")) ?? "", /\bnoopener\b/);

  await row.getByRole("button", { name: "Edit A paper" }).click();
  await theirs.getByRole("dialog").getByLabel("Title").fill("A better paper");
  await arrives(
    t,
    "changed",
    () => theirs.getByRole("button", { name: "Save" }).click(),
    () => sourceRow(mine, "A better paper").waitFor(),
  );
  assert.match(await sourceRow(mine, "A better paper").innerText(), /changed by Carlos Contributor .* v2/s);

  await sourceRow(mine, "A better paper").getByRole("button", { name: "Delete A better paper" }).click();
  await arrives(
    t,
    "removed",
    () => mine.getByRole("button", { name: "Remove", exact: true }).click(),
    () => theirs.locator('[data-mark="removed"]').waitFor(),
  );
  await sourceRow(theirs, "A better paper").waitFor({ state: "detached" });
  assert.equal(await theirs.getByTestId("source-count").innerText(), "0 sources");
  await ownersContext.assertClean();
  await othersContext.assertClean();
});

test("a viewer sees why the forms are off, and the server refuses what is sent all the same", async () => {
  const vault = await vaultOfThree();
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  assert.ok(await page.getByLabel("Title", { exact: true }).isDisabled());
  assert.ok(await page.getByRole("button", { name: "Add source" }).isDisabled());
  await page.getByText("You are a viewer: you see every change, and make none.").waitFor();
  await page.getByRole("button", { name: "Try it anyway" }).click();
  await page.getByText("The server refused: Insufficient permissions (FORBIDDEN)").waitFor();

  const source = await contributor.addSource(vault, "For all to see");
  await sourceRow(page, "For all to see").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Edit|Delete) / }).count(), 0, "nothing to change it with");
  assert.equal((await owner.ask("GET", `/api/vaults/${vault.id}/sources`)).body.sources.length, 1);
  assert.equal(source.version, 1);
  context.assertClean();
});

test("members are added, given other roles and removed by the owner, and everyone sees it at once", async (t) => {
  const vault = await owner.createVault("Members");
  const ownersContext = await open(owner);
  const othersContext = await open(contributor);
  const mine = await openVault(ownersContext, world.url, vault);

  await mine.getByLabel("Email address").fill(contributor.user.email);
  await mine.getByRole("form", { name: "Add a member" }).getByLabel("Role").selectOption("viewer");
  await mine.getByRole("button", { name: "Add", exact: true }).click();
  await mine.getByLabel("Role of Carlos Contributor").waitFor();
  const theirs = await openVault(othersContext, world.url, vault);
  assert.ok(await theirs.getByRole("button", { name: "Add source" }).isDisabled());

  await arrives(
    t,
    "made contributor",
    () => mine.getByLabel("Role of Carlos Contributor").selectOption("contributor"),
    () => theirs.locator("button:enabled", { hasText: "Add source" }).waitFor(),
  );
  await theirs.getByRole("list", { name: "Members" }).getByText("contributor", { exact: true }).waitFor();

  await mine.getByRole("button", { name: "Remove Carlos Contributor" }).click();
  await arrives(
    t,
    "removed from the vault",
    () => mine.getByRole("button", { name: "Remove", exact: true }).click(),
    () => theirs.getByRole("heading", { name: "Your access was removed" }).waitFor(),
  );
  assert.equal(await theirs.getByTestId("connection").innerText(), "Access removed");
  assert.equal(await theirs.locator("[data-source]").count(), 0, "nothing of the vault is left");
  await mine.getByLabel("Role of Carlos Contributor").waitFor({ state: "detached" });
  ownersContext.assertClean();
  othersContext.assertClean();
});

test("a refusal of the server is shown: the last owner cannot go", async () => {
  const vault = await owner.createVault("Last owner");
  const expected = [REFUSED(409, "/api/vaults/[0-9a-f-]+/members/")];
  const context = await openContext(world.browser, { url: world.url, user: owner, expected });
  const page = await openVault(context, world.url, vault);
  await page.getByRole("button", { name: "Leave this vault" }).click();
  await page.getByRole("button", { name: "Leave", exact: true }).click();
  await page.getByText("A vault needs an owner: make another member an owner first").waitFor();
  await page.getByLabel("Role of Olivia Owner").selectOption("viewer");
  await page.getByText("A vault needs an owner: make another member an owner first").waitFor();
  assert.equal(await page.getByLabel("Role of Olivia Owner").inputValue(), "owner");
  context.assertClean();
});

test("the event log shows what comes, with the payload on demand, and its delay is plotted", async () => {
  const vault = await vaultOfThree();
  await owner.addSource(vault, "Of before");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  await page.locator('[data-seq="4"]', { hasText: "source:created" }).filter({ hasText: "earlier" }).waitFor();
  assert.match(await sourceRow(page, "Of before").innerText(), /added by Olivia Owner/, "known from the log");

  const source = await contributor.addSource(vault, "Of now");
  const event = page.locator('[data-seq="5"]');
  await event.click();
  assert.match(await event.innerText(), /source:created\s+Carlos Contributor\s+\d+ ms/);
  const payload = JSON.parse(await page.getByLabel("Payload", { exact: true }).innerText());
  assert.equal(payload.source.id, source.id);
  assert.equal(payload.actor.userId, contributor.user.id);
  assert.equal(payload.seq, 5);
  await page.getByRole("img", { name: /last 1 events .* line at 100 ms/ }).waitFor();
  assert.match(
    await page.getByRole("region", { name: "Commit to browser" }).innerText(),
    /p50\s+\d+ ms\s+p99\s+\d+ ms/,
  );
  context.assertClean();
});

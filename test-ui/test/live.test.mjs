// Two users in one vault, in two browsers: each sees the other's changes, according to their roles (scenarios 1 and 3).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, REFUSED, sourceRow } from "./lib/browser.mjs";
import { startWorld } from "./lib/world.mjs";

/** The promised time between a change and its appearance in another browser, in milliseconds. */
const ARRIVAL_MS = 1_000;

let world, owner, contributor, viewer;
before(async () => {
  world = await startWorld();
  [owner, contributor, viewer] = await Promise.all(
    ["Olivia Owner", "Carlos Contributor", "Vera Viewer"].map(world.signUp),
  );
});
after(() => world?.close());

async function createSharedVault() {
  const vault = await owner.createVault("Reading list");
  await owner.addMember(vault, contributor, "contributor");
  await owner.addMember(vault, viewer, "viewer");
  return vault;
}

const open = (user) => openContext(world.browser, { url: world.url, user });

/** Runs `act`, waits for `visible`, and asserts that the change arrived in time. */
async function assertArrives(t, what, act, visible) {
  const arrival = visible();
  // Awaited below. If `act` fails first, an unhandled rejection would end the process.
  arrival.catch(() => {});
  const from = performance.now();
  await act();
  await arrival;
  const ms = Math.round(performance.now() - from);
  t.diagnostic(`${what}: visible to the other user after ${ms} ms`);
  assert.ok(ms <= ARRIVAL_MS, `${what} arrives within ${ARRIVAL_MS} ms, not ${ms}`);
}

test("owner and contributor see each other add, change and remove sources within 1 s", async (t) => {
  const vault = await createSharedVault();
  const [ownersContext, othersContext] = [await open(owner), await open(contributor)];
  const [mine, theirs] = [
    await openVault(ownersContext, world.url, vault),
    await openVault(othersContext, world.url, vault),
  ];

  await mine.getByLabel("Title", { exact: true }).fill("A paper");
  await mine.getByLabel("File URL").fill("https://example.com/a.pdf");
  await assertArrives(
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
  await assertArrives(
    t,
    "changed",
    () => theirs.getByRole("button", { name: "Save" }).click(),
    () => sourceRow(mine, "A better paper").waitFor(),
  );
  assert.match(await sourceRow(mine, "A better paper").innerText(), /changed by Carlos Contributor .* v2/s);

  await sourceRow(mine, "A better paper").getByRole("button", { name: "Delete A better paper" }).click();
  await assertArrives(
    t,
    "removed",
    () => mine.getByRole("button", { name: "Remove", exact: true }).click(),
    () => theirs.locator('[data-highlight="removed"]').waitFor(),
  );
  await sourceRow(theirs, "A better paper").waitFor({ state: "detached" });
  assert.equal(await theirs.getByTestId("source-count").innerText(), "0 sources");
  await ownersContext.assertClean();
  await othersContext.assertClean();
});

test("a viewer sees why the form is disabled, and the server rejects an attempt anyway", async () => {
  const vault = await createSharedVault();
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  assert.ok(await page.getByLabel("Title", { exact: true }).isDisabled());
  assert.ok(await page.getByRole("button", { name: "Add source" }).isDisabled());
  await page.getByText("You are a viewer: you see every change but cannot make any.").waitFor();
  await page.getByRole("button", { name: "Try it anyway" }).click();
  await page.getByText("The server refused: Insufficient permissions (FORBIDDEN)").waitFor();

  const source = await contributor.addSource(vault, "For all to see");
  await sourceRow(page, "For all to see").waitFor();
  assert.equal(await page.getByRole("button", { name: /^(Edit|Delete) / }).count(), 0, "a viewer has no actions");
  assert.equal((await owner.request("GET", `/api/vaults/${vault.id}/sources`)).body.sources.length, 1);
  assert.equal(source.version, 1);
  context.assertClean();
});

test("the owner adds members, changes roles and removes members, and everyone sees it within 1 s", async (t) => {
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

  await assertArrives(
    t,
    "made contributor",
    () => mine.getByLabel("Role of Carlos Contributor").selectOption("contributor"),
    () => theirs.locator("button:enabled", { hasText: "Add source" }).waitFor(),
  );
  await theirs.getByRole("list", { name: "Members" }).getByText("contributor", { exact: true }).waitFor();

  await mine.getByRole("button", { name: "Remove Carlos Contributor" }).click();
  await assertArrives(
    t,
    "removed from the vault",
    () => mine.getByRole("button", { name: "Remove", exact: true }).click(),
    () => theirs.getByRole("heading", { name: "Your access was removed" }).waitFor(),
  );
  assert.equal(await theirs.getByTestId("connection").innerText(), "Access removed");
  assert.equal(await theirs.locator("[data-source]").count(), 0, "no content of the vault remains");
  await mine.getByLabel("Role of Carlos Contributor").waitFor({ state: "detached" });
  ownersContext.assertClean();
  othersContext.assertClean();
});

test("the page shows the server's rejection when the last owner leaves", async () => {
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

test("the event log shows events with their payloads, and the plot shows their latency", async () => {
  const vault = await createSharedVault();
  await owner.addSource(vault, "Earlier");
  const context = await open(viewer);
  const page = await openVault(context, world.url, vault);
  await page.locator('[data-seq="4"]', { hasText: "source:created" }).filter({ hasText: "earlier" }).waitFor();
  assert.match(await sourceRow(page, "Earlier").innerText(), /added by Olivia Owner/, "the author comes from the log");

  const source = await contributor.addSource(vault, "New");
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

test("the event log of a compacted vault leaves out the snapshot, which has no actor", async () => {
  const vault = await createSharedVault();
  await owner.addSource(vault, "After the compaction");
  const context = await open(owner);
  await context.route("**/events?after=*", async (route) => {
    const response = await route.fetch();
    const { events, headSeq } = await response.json();
    const { actor: _, ...payload } = events[0].payload;
    events[0] = { ...events[0], type: "vault:snapshot", payload: { ...payload, members: [], sources: [] } };
    await route.fulfill({ response, json: { events, headSeq } });
  });
  const page = await openVault(context, world.url, vault);
  await page.locator('[data-seq="4"]', { hasText: "source:created" }).waitFor();
  assert.equal(await page.locator('[data-seq="1"]').count(), 0);
  context.assertClean();
});

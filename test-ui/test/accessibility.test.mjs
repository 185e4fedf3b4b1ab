// Accessibility: axe's rules, keyboard operation and screen reader announcements.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { openContext, openVault, sourceRow } from "./lib/browser.mjs";
import { eventually } from "./lib/wait.mjs";
import { startWorld } from "./lib/world.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let world, owner, contributor, viewer, vault;
before(async () => {
  world = await startWorld();
  [owner, contributor, viewer] = await Promise.all(
    ["Olivia Owner", "Carlos Contributor", "Vera Viewer"].map(world.signUp),
  );
  vault = await owner.createVault("Reading list");
  await owner.addMember(vault, contributor, "contributor");
  await owner.addMember(vault, viewer, "viewer");
  for (let i = 0; i < 12; i++) await contributor.addSource(vault, `Paper ${i}`);
});
after(() => world?.close());

const open = (options = {}) =>
  // Without animations, because a fading highlight has no definite colour.
  openContext(world.browser, { url: world.url, reducedMotion: "reduce", ...options });

/** Asserts that axe finds no serious or critical violations. */
async function assertAccessible(page, what) {
  await page.evaluate(AXE);
  // Frames contain the vault page, which is checked separately.
  const { violations } = await page.evaluate(() => globalThis.axe.run({ iframes: false }));
  const failures = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
  assert.deepEqual(failures, [], what);
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds no serious violations in the ${colorScheme} colour scheme`, async () => {
    const visitor = await open({ colorScheme });
    const login = await visitor.newPage();
    await login.goto(`${world.url}/login?reason=ended`);
    await login.getByRole("button", { name: /Vera Viewer/ }).waitFor();
    await assertAccessible(login, "login");
    visitor.assertClean();

    const context = await open({ colorScheme, user: owner });
    const chooser = await context.newPage();
    await chooser.goto(`${world.url}/test/realtime`);
    await chooser.getByRole("link", { name: /Reading list/ }).waitFor();
    await assertAccessible(chooser, "chooser");

    const page = await openVault(context, world.url, vault);
    const source = await contributor.addSource(vault, `Marked, ${colorScheme}`);
    await contributor.removeSource(await contributor.addSource(vault, "Gone"));
    await page.locator("[data-highlight=removed]").waitFor();
    await page.locator("[data-seq]").first().click();
    await assertAccessible(page, "vault, with highlights and a payload");
    await page.getByRole("button", { name: `Edit Marked, ${colorScheme}` }).click();
    await contributor.changeSource(source, { title: "Changed" });
    await page.getByText("changed this source while you were editing").waitFor();
    await assertAccessible(page, "edit dialog");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Second user" }).click();
    await assertAccessible(page, "second-user dialog");
    await contributor.removeSource(source);

    const panes = await context.newPage();
    await panes.goto(`${world.url}/test/realtime?panes=${vault.id},${vault.id}`);
    await panes.getByRole("combobox", { name: "Vault of the left pane" }).waitFor();
    await assertAccessible(panes, "panes");
    context.assertClean();

    const viewers = await open({ colorScheme, user: viewer, viewport: { width: 390, height: 844 } });
    const narrow = await openVault(viewers, world.url, vault);
    await assertAccessible(narrow, "viewer, on a narrow screen");
    viewers.assertClean();
  });
}

test("a narrow screen needs no horizontal scrolling", async () => {
  const context = await open({ user: owner, viewport: { width: 320, height: 640 } });
  const long = await owner.createVault(`A vault with a long name and ${"no space ".repeat(10).replaceAll(" ", "")}`);
  await owner.addSource(long, "W".repeat(300), `https://example.com/${"w".repeat(300)}`);
  const page = await openVault(context, world.url, long);
  await page.locator("[data-source]").waitFor();
  const { width, needed } = await page.evaluate(() => ({
    width: document.documentElement.clientWidth,
    needed: document.documentElement.scrollWidth,
  }));
  assert.equal(needed, width);
  context.assertClean();
});

test("everything works with the keyboard, and the focus is never lost", async () => {
  const context = await open({ user: owner });
  const page = await openVault(context, world.url, vault);
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.id);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "main");

  await page.getByLabel("Title", { exact: true }).focus();
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Tab");
  await page.keyboard.type("https://example.com/keys.pdf");
  await page.keyboard.press("Enter");
  await sourceRow(page, "By keyboard").getByText("added", { exact: true }).waitFor();

  await page.getByRole("button", { name: "Edit By keyboard" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(), "Edit By keyboard", "the focus returns to the opener");

  // Changes by others move neither the focus nor the focused row.
  const row = sourceRow(page, "By keyboard");
  const { y } = await row.boundingBox();
  for (let i = 0; i < 5; i++) await contributor.addSource(vault, `Pushing ${i}`);
  await page.getByRole("button", { name: "5 new" }).waitFor();
  assert.equal(await focused(), "Edit By keyboard");
  assert.equal((await row.boundingBox()).y, y);

  await page.getByRole("button", { name: "Delete By keyboard" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Remove", exact: true }).focus();
  await page.keyboard.press("Enter");
  await row.waitFor({ state: "detached" });
  await eventually(async () => (await focused()) === "Sources, newest first", "the focus goes to the list");
  context.assertClean();
});

test("screen readers announce a summary of others' changes, not the user's own changes or the event count", async () => {
  const context = await open({ user: viewer });
  const page = await openVault(context, world.url, vault);
  const announcement = page.getByTestId("announcement");
  const announcements = [];
  await page.exposeFunction("recordAnnouncement", (text) => announcements.push(text));
  await page.evaluate(() => {
    for (const region of document.querySelectorAll("[role=status]")) {
      let last = region.textContent;
      const observer = new MutationObserver(() => {
        if (region.textContent === last) return;
        last = region.textContent;
        globalThis.recordAnnouncement(last);
      });
      observer.observe(region, { childList: true, characterData: true, subtree: true });
    }
  });
  await contributor.addSource(vault, "Alone");
  await announcement.getByText("Carlos Contributor added “Alone”").waitFor();
  for (let i = 0; i < 20; i++) await contributor.addSource(vault, `One of many ${i}`);
  await announcement.getByText("20 sources added").waitFor();
  assert.deepEqual(announcements, ["Carlos Contributor added “Alone”", "20 sources added"]);
  context.assertClean();
});

// The history slider. The page shows the slider only if the server supports the history.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, REFUSED, sourceRow } from "./lib/browser.mjs";
import { eventually } from "./lib/wait.mjs";
import { startWorld } from "./lib/world.mjs";

let world, owner, vault;
before(async () => {
  world = await startWorld();
  owner = await world.signUp("Olivia Owner");
  vault = await owner.createVault("History");
  const source = await owner.addSource(vault, "Draft");
  await owner.changeSource(source, { title: "Final" });
  await owner.addSource(vault, "Appendix");
  await owner.removeSource(source);
});
after(() => world?.close());

test("the slider shows the list as of any event, without actions", async () => {
  const context = await openContext(world.browser, { url: world.url, user: owner });
  const page = await openVault(context, world.url, vault);
  const slider = page.getByRole("slider", { name: "History" });
  const titles = (group) => page.getByRole("group", { name: group }).locator("[data-source] a").allInnerTexts();
  assert.deepEqual(await titles("Sources, newest first"), ["Appendix"]);
  await slider.focus();
  for (const [seq, wanted] of [
    [4, ["Appendix", "Final"]],
    [3, ["Final"]],
    [2, ["Draft"]],
    [1, []],
  ]) {
    await page.keyboard.press("ArrowLeft");
    const group = `Sources as of event ${seq}`;
    await eventually(async () => (await titles(group)).join() === wanted.join(), `${wanted} in ${group}`);
    assert.equal(
      await page.getByRole("button", { name: /^(Edit|Delete) / }).count(),
      0,
      "earlier states have no actions",
    );
  }
  await owner.addSource(vault, "Added later");
  await page.getByText("as of event 1 of 6", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Back to now" }).click();
  await sourceRow(page, "Added later").waitFor();
  context.assertClean();
});

test("without history support on the server, there is no slider", async () => {
  const expected = [REFUSED(400, "/api/vaults/[0-9a-f-]+/sources\\?limit=1&at=\\d+$")];
  const context = await openContext(world.browser, { url: world.url, user: owner, expected });
  await context.route(/\/sources\?.*\bat=\d+/, (route) =>
    route.fulfill({ status: 400, json: { code: "BAD_REQUEST" }, contentType: "application/problem+json" }),
  );
  const response = context.waitForEvent("response", (response) => /\bat=\d+/.test(response.url()));
  const page = await openVault(context, world.url, vault);
  await response;
  await owner.addSource(vault, "Added after the response");
  await sourceRow(page, "Added after the response").waitFor();
  assert.equal(await page.getByRole("slider").count(), 0);
  context.assertClean();
});

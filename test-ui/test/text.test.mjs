// User input is shown as text, whatever it contains.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, sourceRow } from "./lib/browser.mjs";
import { startWorld } from "./lib/world.mjs";

const MALICIOUS_TITLES = [
  "<script>window.hit = 1</script>",
  '<img src=x onerror="window.hit = 2">',
  '"><svg onload=window.hit=3>',
  '<iframe srcdoc="<script>top.hit = 4</script>"></iframe>',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of an attack
  "{{constructor.constructor('window.hit = 5')()}} ${window.hit = 6}",
  "<style>*{display:none}</style>",
  "‮right to left‬ and \u0007 bell",
];

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

test("titles, user names and vault names are shown as typed and never run as code", async () => {
  const name = '<img src=x onerror="window.hit = 7">';
  const owner = await world.signUp(name);
  const watcher = await world.signUp("<b>bold</b>");
  const vault = await owner.createVault("<script>window.hit = 8</script> vault");
  await owner.addMember(vault, watcher, "contributor");
  await owner.addSource(vault, MALICIOUS_TITLES[0]);

  const context = await openContext(world.browser, { url: world.url, user: watcher });
  const page = await openVault(context, world.url, vault);
  for (const title of MALICIOUS_TITLES.slice(1))
    await owner.addSource(vault, title, `https://example.com/${encodeURIComponent(title)}`);
  for (const title of MALICIOUS_TITLES) await sourceRow(page, title).waitFor();
  await page.getByRole("heading", { name: "<script>window.hit = 8</script> vault" }).waitFor();
  await page.getByRole("list", { name: "Members" }).getByText(name).waitFor();
  await page.getByRole("button", { name: `Edit ${MALICIOUS_TITLES[1]}` }).click();
  assert.equal(await page.getByRole("dialog").getByLabel("Title").inputValue(), MALICIOUS_TITLES[1]);
  await page.keyboard.press("Escape");
  await page.locator("[data-seq]").first().click();
  await page.getByLabel("Payload", { exact: true }).waitFor();

  const foreign = await page.evaluate(() => ({
    hit: window.hit,
    elements: document.querySelectorAll("#app script, #app style, #app img, #app iframe, #app b").length,
  }));
  assert.deepEqual(foreign, { hit: undefined, elements: 0 });
  await page.goto(`${world.url}/test/realtime`);
  await page.getByRole("link", { name: "<script>window.hit = 8</script> vault" }).waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  context.assertClean();
});

test("a URL that is neither http nor https is not a link, even if the server sends it", async () => {
  const owner = await world.signUp("Olivia Owner");
  const vault = await owner.createVault("Links");
  await owner.addSource(vault, "Trap");
  const context = await openContext(world.browser, { url: world.url, user: owner });
  await context.route("**/sources?limit=1000", async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.sources[0].fileUrl = "javascript:window.hit=1";
    await route.fulfill({ response, json: body });
  });
  const page = await openVault(context, world.url, vault);
  await sourceRow(page, "Trap").waitFor();
  assert.equal(await page.getByRole("link", { name: "Trap" }).count(), 0);
  context.assertClean();
});

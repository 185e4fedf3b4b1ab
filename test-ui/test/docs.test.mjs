// The API documentation page works under its Content-Security-Policy and contacts only this server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext } from "./lib/browser.mjs";
import { startWorld } from "./lib/world.mjs";

let world;
before(async () => {
  world = await startWorld();
});
after(() => world?.close());

test("the API can be read and tried, with requests to this server only and no policy violation", async () => {
  const user = await world.signUp("Ada");
  const context = await openContext(world.browser, { url: world.url, user });
  const origins = new Set();
  context.on("request", (request) => origins.add(new URL(request.url()).origin));
  const page = await context.newPage();
  await page.goto(`${world.url}/docs`);

  // The page shows every operation of the document.
  const document = await (await fetch(`${world.url}/api/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((item) => Object.keys(item));
  const blocks = page.locator(".opblock");
  await blocks.nth(operations.length - 1).waitFor();
  assert.equal(await blocks.count(), operations.length);

  const list = page.locator("#operations-Vaults-listVaults");
  await list.locator("button.opblock-summary-control").click();
  await list.getByRole("button", { name: "Try it out" }).click();
  await list.getByRole("button", { name: "Execute" }).click();
  await list.locator(".live-responses-table .response-col_status", { hasText: "200" }).first().waitFor();

  assert.deepEqual(
    [...origins].filter((origin) => origin !== world.url && origin !== "null"),
    [],
  );
  context.assertClean();
  await context.close();
});

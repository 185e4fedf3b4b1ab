// Cross-origin pages in a real browser: what the list of allowed origins permits, and what it prevents.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { openContext } from "./lib/browser.mjs";
import { Server } from "./lib/server.mjs";
import { startWorld } from "./lib/world.mjs";

const CLIENT = new URL("../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url);

const PAGE = '<!doctype html><link rel="icon" href="data:,"><script src="/client.js"></script>';

/** Starts a site with one page that contains only the official client. */
async function startSite() {
  const script = await readFile(CLIENT);
  const site = createServer((request, response) => {
    const isScript = request.url === "/client.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : PAGE);
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  return site;
}

let world, owner, vault, site, open;
before(async () => {
  site = await startSite();
  world = await startWorld();
  owner = await world.signUp("Olivia");
  vault = await owner.createVault("Shared");
  open = `http://127.0.0.1:${site.address().port}`;
});
after(async () => {
  site?.close();
  site?.closeAllConnections();
  await world?.close();
});

/** Opens a page of the other origin, in a browser where the owner is signed in at `url`. */
async function openForeignPage(url) {
  // The browser reports blocked requests on the console. The test checks the results within the page.
  const expected = [/CORS policy|net::ERR_FAILED|WebSocket|403/];
  const context = await openContext(world.browser, { url, user: owner, expected });
  const page = await context.newPage();
  await page.goto(open);
  return page;
}

/** Sends a request with cookies from the page. Returns its status and some headers, or that the browser blocked it. */
const fetchInPage = (page, url, options = {}) =>
  page.evaluate(
    async ([url, options]) => {
      try {
        const response = await fetch(url, { credentials: "include", ...options });
        const header = (name) => response.headers.get(name);
        return { status: response.status, seq: header("x-vault-seq"), etag: header("etag"), at: header("location") };
      } catch (error) {
        return { blocked: error.name };
      }
    },
    [url, options],
  );

/** Connects and joins with the official client from the page. Returns `ok` of the join, or the connection error. */
const joinInPage = (page, url, transports, vaultId) =>
  page.evaluate(
    ([url, transports, vaultId]) =>
      new Promise((resolve) => {
        const socket = globalThis.io(url, { withCredentials: true, transports, reconnection: false });
        const finish = (outcome) => {
          socket.disconnect();
          resolve(outcome);
        };
        socket.on("connect", () => socket.emit("vault:join", vaultId, (answer) => finish(answer.ok)));
        socket.on("connect_error", (error) => finish(error.message));
      }),
    [url, transports, vaultId],
  );

const source = {
  method: "POST",
  headers: { "content-type": "application/json", "idempotency-key": "once" },
  body: JSON.stringify({ title: "From another origin", fileUrl: "https://example.com/a.pdf" }),
};

test("a page of an allowed origin reads, writes and receives events, with the user's cookie", async () => {
  const server = await Server.start({ database: world.database, env: { SYNCSCRIPT_ALLOWED_ORIGINS: open } });
  try {
    const page = await openForeignPage(server.url);
    assert.equal((await fetchInPage(page, `${server.url}/api/vaults`)).status, 200);
    const created = await fetchInPage(page, `${server.url}/api/vaults/${vault.id}/sources`, source);
    assert.equal(created.status, 201);
    assert.deepEqual([created.etag, Number(created.seq) > 0], ['"1"', true]);
    assert.match(created.at, /^\/api\/sources\//);
    const changed = await fetchInPage(page, server.url + created.at, {
      method: "PATCH",
      headers: { "content-type": "application/json", "if-match": created.etag },
      body: JSON.stringify({ title: "Changed" }),
    });
    assert.deepEqual([changed.status, changed.etag], [200, '"2"']);
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]])
      assert.equal(await joinInPage(page, server.url, transports, vault.id), true, transports.join());
  } finally {
    await server.stop();
  }
});

test("a page of any other origin reads nothing, changes nothing, and gets no socket", async () => {
  const page = await openForeignPage(world.url);
  const before = (await owner.request("GET", `/api/vaults/${vault.id}`)).body.vault.headSeq;
  const blocked = { blocked: "TypeError" };
  assert.deepEqual(await fetchInPage(page, `${world.url}/api/vaults`), blocked);
  assert.deepEqual(await fetchInPage(page, `${world.url}/api/vaults/${vault.id}/sources`, source), blocked);
  // Browsers send these without a preflight, so the server must reject them.
  const simple = { method: "POST", mode: "no-cors", body: new URLSearchParams({ csrfToken: "x" }).toString() };
  for (const path of ["/api/auth/logout", "/api/auth/signout", `/api/vaults/${vault.id}/sources`])
    assert.deepEqual(await fetchInPage(page, world.url + path, simple), { status: 0, seq: null, etag: null, at: null });
  assert.match(await joinInPage(page, world.url, ["polling"], vault.id), /poll error/);
  assert.match(await joinInPage(page, world.url, ["websocket"], vault.id), /websocket error/);
  const after = (await owner.request("GET", `/api/vaults/${vault.id}`)).body.vault.headSeq;
  assert.equal(after, before);
});

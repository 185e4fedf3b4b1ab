// A real browser's page of another origin: what the list of allowed origins lets it do, and what it keeps from it.
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

/** A site with one page, which has the official client and nothing else. */
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

/** The page on the other origin, in a browser where the owner is signed in at `url`. */
async function foreignPage(url) {
  // What is refused the browser itself says on the console; the test asks the page.
  const expected = [/CORS policy|net::ERR_FAILED|WebSocket|403/];
  const context = await openContext(world.browser, { url, user: owner, expected });
  const page = await context.newPage();
  await page.goto(open);
  return page;
}

/** A request with cookies from within the page: its status and some headers, or that the browser kept the answer. */
const ask = (page, url, options = {}) =>
  page.evaluate(
    async ([url, options]) => {
      try {
        const response = await fetch(url, { credentials: "include", ...options });
        const header = (name) => response.headers.get(name);
        return { status: response.status, seq: header("x-vault-seq"), etag: header("etag"), at: header("location") };
      } catch (error) {
        return { kept: error.name };
      }
    },
    [url, options],
  );

/** How a connection of the official client from within the page ends: the room's answer, or why there is none. */
const join = (page, url, transports, vaultId) =>
  page.evaluate(
    ([url, transports, vaultId]) =>
      new Promise((resolve) => {
        const socket = globalThis.io(url, { withCredentials: true, transports, reconnection: false });
        const end = (outcome) => {
          socket.disconnect();
          resolve(outcome);
        };
        socket.on("connect", () => socket.emit("vault:join", vaultId, (answer) => end(answer.ok)));
        socket.on("connect_error", (error) => end(error.message));
      }),
    [url, transports, vaultId],
  );

const source = {
  method: "POST",
  headers: { "content-type": "application/json", "idempotency-key": "once" },
  body: JSON.stringify({ title: "From another origin", fileUrl: "https://example.com/a.pdf" }),
};

test("a page of a listed origin reads, changes and listens, with the user's cookie", async () => {
  const server = await Server.start({ database: world.database, env: { SYNCSCRIPT_ALLOWED_ORIGINS: open } });
  try {
    const page = await foreignPage(server.url);
    assert.equal((await ask(page, `${server.url}/api/vaults`)).status, 200);
    const created = await ask(page, `${server.url}/api/vaults/${vault.id}/sources`, source);
    assert.equal(created.status, 201);
    assert.deepEqual([created.etag, Number(created.seq) > 0], ['"1"', true]);
    assert.match(created.at, /^\/api\/sources\//);
    const changed = await ask(page, server.url + created.at, {
      method: "PATCH",
      headers: { "content-type": "application/json", "if-match": created.etag },
      body: JSON.stringify({ title: "Changed" }),
    });
    assert.deepEqual([changed.status, changed.etag], [200, '"2"']);
    for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]])
      assert.equal(await join(page, server.url, transports, vault.id), true, transports.join());
  } finally {
    await server.end();
  }
});

test("a page of any other origin reads nothing, changes nothing, and gets no socket", async () => {
  const page = await foreignPage(world.url);
  const before = (await owner.ask("GET", `/api/vaults/${vault.id}`)).body.vault.headSeq;
  const kept = { kept: "TypeError" };
  assert.deepEqual(await ask(page, `${world.url}/api/vaults`), kept);
  assert.deepEqual(await ask(page, `${world.url}/api/vaults/${vault.id}/sources`, source), kept);
  // No preflight keeps these from being sent: the server has to refuse them.
  const simple = { method: "POST", mode: "no-cors", body: new URLSearchParams({ csrfToken: "x" }).toString() };
  for (const path of ["/api/auth/logout", "/api/auth/signout", `/api/vaults/${vault.id}/sources`])
    assert.deepEqual(await ask(page, world.url + path, simple), { status: 0, seq: null, etag: null, at: null });
  assert.match(await join(page, world.url, ["polling"], vault.id), /poll error/);
  assert.match(await join(page, world.url, ["websocket"], vault.id), /websocket error/);
  const after = (await owner.ask("GET", `/api/vaults/${vault.id}`)).body.vault.headSeq;
  assert.equal(after, before);
});

// The parts that need no connection: folding, the retry policy and REST requests.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import {
  emptyView,
  fold,
  RestClient,
  RestError,
  type Source,
  VAULT_EVENT_TYPES,
  type VaultEvent,
  vaultIdOf,
} from "@syncscript/client";
import { Backoff, connectTimeout } from "../dist/retry-policy.js";
import { VAULT } from "./lib/fake-socket.js";

const base = { actor: { userId: "u1", userName: "U", role: "owner" }, timestamp: "t", eventId: "e" } as const;
const source = (id: string, version: number): Source => ({
  id,
  title: `${id} ${version}`,
  fileUrl: "https://example.test/",
  vaultId: VAULT,
  createdAt: "t",
  updatedAt: "t",
  version,
});
const member = (userId: string, role: "owner" | "viewer") => ({ userId, userName: userId, role, createdAt: "t" });
const vault = (name: string) => ({ id: VAULT, name, createdAt: "t", updatedAt: "t" });

const LOG: VaultEvent[] = [
  { ...base, seq: 1, type: "vault:created", vaultId: VAULT, vault: vault("A"), member: member("u1", "owner") },
  { ...base, seq: 2, type: "source:created", source: source("s1", 1) },
  { ...base, seq: 3, type: "member:added", vaultId: VAULT, member: member("u2", "viewer") },
  { ...base, seq: 4, type: "source:updated", source: source("s1", 2) },
  { ...base, seq: 5, type: "source:created", source: source("s2", 1) },
  { ...base, seq: 6, type: "member:updated", vaultId: VAULT, member: member("u2", "owner") },
  { ...base, seq: 7, type: "vault:updated", vaultId: VAULT, vault: vault("B") },
  { ...base, seq: 8, type: "source:deleted", sourceId: "s1", vaultId: VAULT },
  { ...base, seq: 9, type: "member:removed", vaultId: VAULT, userId: "u1" },
];

test("folding the log gives the vault, its members and its sources", () => {
  const view = fold(emptyView(), LOG);
  assert.deepEqual(view, {
    vault: vault("B"),
    members: new Map([["u2", member("u2", "owner")]]),
    sources: new Map([["s2", source("s2", 1)]]),
    seq: 9,
    deleted: false,
  });
  const deleted = fold(view, [{ ...base, seq: 10, type: "vault:deleted", vaultId: VAULT }]);
  assert.deepEqual([deleted.deleted, deleted.sources.size, deleted.members.size], [true, 0, 0]);
  assert.equal(view.sources.size, 1, "fold does not modify its arguments");
});

test("folding in parts equals folding at once, and folding twice equals folding once", () => {
  const whole = fold(emptyView(), LOG);
  for (let at = 0; at <= LOG.length; at++) {
    const part = fold(emptyView(), LOG.slice(0, at));
    assert.deepEqual(fold(part, LOG.slice(at)), whole);
    assert.deepEqual(fold(part, LOG), whole);
    assert.deepEqual(fold(whole, LOG.slice(0, at)), whole, "older events change nothing");
  }
});

test("the events since its first read make a snapshot of several reads consistent", () => {
  const whole = fold(emptyView(), LOG);
  for (let first = 1; first <= LOG.length; first++) {
    for (let later = first; later <= LOG.length; later++) {
      const [firstView, laterView] = [fold(emptyView(), LOG.slice(0, first)), fold(emptyView(), LOG.slice(0, later))];
      // The first page comes from one point of the log, the second page, the members and the vault from a later one.
      const sources = [
        ...[...firstView.sources].filter(([id]) => id === "s1"),
        ...[...laterView.sources].filter(([id]) => id !== "s1"),
      ];
      const mixed = { ...laterView, sources: new Map(sources), seq: first };
      assert.deepEqual(fold(mixed, LOG.slice(first)), whole, `first page at ${first}, the rest at ${later}`);
    }
  }
});

test("an older event does not replace a newer version of a source from the snapshot", () => {
  const snapshot = { ...emptyView(), seq: 1, sources: new Map([["s1", source("s1", 2)]]) };
  assert.deepEqual(fold(snapshot, LOG.slice(1, 2)).sources.get("s1"), source("s1", 2));
});

test("every event type is listed at run time, and every event names its vault", () => {
  assert.deepEqual(new Set(LOG.map((event) => event.type).concat("vault:deleted")), new Set(VAULT_EVENT_TYPES));
  assert.ok(LOG.every((event) => vaultIdOf(event) === VAULT));
});

test("delays double up to the maximum, are spread, and reset after a quiet period", () => {
  const backoff = new Backoff({ min: 100, max: 1_000, random: () => 1 });
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((now) => backoff.next(now)),
    [100, 100, 200, 400, 800, 1_000, 1_000],
  );
  assert.equal(backoff.next(20_000), 100);
  assert.equal(new Backoff({ first: 0, min: 100, max: 1_000 }).next(), 0);
  assert.equal(new Backoff({ min: 100, max: 1_000, random: () => 0 }).next(), 50);
});

test("most connection timeouts are short, every third one is longer", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 9, 12, 30].map(connectTimeout),
    [1_500, 1_500, 3_000, 1_500, 1_500, 6_000, 12_000, 20_000, 20_000],
  );
});

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("REST errors carry the problem document, or at least the status", async (t) => {
  const baseUrl = await serve(t, (request, response) => {
    response.statusCode = 404;
    response.end(request.url === "/a" ? '{"code":"NOT_FOUND","title":"Not Found","detail":"Nothing here"}' : "<html>");
  });
  const rest = new RestClient({ baseUrl });
  const failure = (path: string) =>
    rest.get(path).then(
      () => assert.fail(),
      (error: RestError) => error,
    );
  const [a, b] = [await failure("/a"), await failure("/b")];
  assert.ok(a instanceof RestError);
  assert.deepEqual([a.status, a.code, a.message], [404, "NOT_FOUND", "Nothing here"]);
  assert.deepEqual([b.status, b.code, b.message], [404, "HTTP_404", "The server responded with status 404"]);
});

test("a REST request honours its timeout and its abort signal, and sends headers and cookies", async (t) => {
  const baseUrl = await serve(t, () => {});
  await assert.rejects(new RestClient({ baseUrl, timeout: 20 }).get("/"), /timed out after 20 ms/);
  const abort = new AbortController();
  const waiting = new RestClient({ baseUrl }).get("/", abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(new RestClient({ baseUrl }).get("/", abort.signal), /enough/);

  const requests: RequestInit[] = [];
  const fetch = async (_: unknown, init?: RequestInit) => {
    requests.push(init ?? {});
    return new Response("1");
  };
  assert.equal(
    await new RestClient({ fetch: fetch as typeof globalThis.fetch, headers: { cookie: "a=b" } }).get("/"),
    1,
  );
  const [{ credentials, headers } = {}] = requests;
  assert.deepEqual([credentials, headers], ["include", { accept: "application/json", cookie: "a=b" }]);
});

test("the README shows the example that the compiler checks", () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const shown = /## A live list\n\n```ts\n([\s\S]*?)```/.exec(read("../README.md"))?.[1];
  assert.equal(shown, read("../test/example.ts"));
});

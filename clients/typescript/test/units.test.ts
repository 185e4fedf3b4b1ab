// Folding, waiting, and reading REST: the parts without a connection.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import {
  emptyView,
  fold,
  Rest,
  RestError,
  type Source,
  VAULT_EVENT_TYPES,
  type VaultEvent,
  vaultIdOf,
} from "@syncscript/client";
import { Backoff, connectPatience } from "../dist/backoff.js";
import { VAULT } from "./lib/fake.js";

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
  assert.equal(view.sources.size, 1, "fold changes nothing it is given");
});

test("folding in pieces is folding at once, and folding twice is folding once", () => {
  const whole = fold(emptyView(), LOG);
  for (let at = 0; at <= LOG.length; at++) {
    const part = fold(emptyView(), LOG.slice(0, at));
    assert.deepEqual(fold(part, LOG.slice(at)), whole);
    assert.deepEqual(fold(part, LOG), whole);
    assert.deepEqual(fold(whole, LOG.slice(0, at)), whole, "what is older changes nothing");
  }
});

test("a snapshot of several reads, at different moments, becomes whole by the events since the first", () => {
  const whole = fold(emptyView(), LOG);
  for (let first = 1; first <= LOG.length; first++) {
    for (let later = first; later <= LOG.length; later++) {
      const [at, then] = [fold(emptyView(), LOG.slice(0, first)), fold(emptyView(), LOG.slice(0, later))];
      // The first page at one moment, the second at another, members and vault later still.
      const sources = [
        ...[...at.sources].filter(([id]) => id === "s1"),
        ...[...then.sources].filter(([id]) => id !== "s1"),
      ];
      const mixed = { ...then, sources: new Map(sources), seq: first };
      assert.deepEqual(fold(mixed, LOG.slice(first)), whole, `first page at ${first}, the rest at ${later}`);
    }
  }
});

test("a source that a snapshot has in a newer version does not go back to an older one", () => {
  const snapshot = { ...emptyView(), seq: 1, sources: new Map([["s1", source("s1", 2)]]) };
  assert.deepEqual(fold(snapshot, LOG.slice(1, 2)).sources.get("s1"), source("s1", 2));
});

test("every event type is known at run time, and says its vault", () => {
  assert.deepEqual(new Set(LOG.map((event) => event.type).concat("vault:deleted")), new Set(VAULT_EVENT_TYPES));
  assert.ok(LOG.every((event) => vaultIdOf(event) === VAULT));
});

test("waits double, spread, end, and are forgotten", () => {
  const backoff = new Backoff({ min: 100, max: 1_000, random: () => 1 });
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((now) => backoff.next(now)),
    [100, 100, 200, 400, 800, 1_000, 1_000],
  );
  assert.equal(backoff.next(20_000), 100);
  assert.equal(new Backoff({ first: 0, min: 100, max: 1_000 }).next(), 0);
  assert.equal(new Backoff({ min: 100, max: 1_000, random: () => 0 }).next(), 50);
});

test("most attempts to connect are short, and some are long", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 9, 12, 30].map(connectPatience),
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

test("REST errors say what the problem document says, or at least the status", async (t) => {
  const baseUrl = await serve(t, (request, response) => {
    response.statusCode = 404;
    response.end(request.url === "/a" ? '{"code":"NOT_FOUND","title":"Not Found","detail":"Nothing here"}' : "<html>");
  });
  const rest = new Rest({ baseUrl });
  const failure = (path: string) =>
    rest.get(path).then(
      () => assert.fail(),
      (error: RestError) => error,
    );
  const [a, b] = [await failure("/a"), await failure("/b")];
  assert.ok(a instanceof RestError);
  assert.deepEqual([a.status, a.code, a.message], [404, "NOT_FOUND", "Nothing here"]);
  assert.deepEqual([b.status, b.code, b.message], [404, "HTTP_404", "The server answered 404"]);
});

test("a REST request ends by its timeout and by its caller, and sends headers and cookies", async (t) => {
  const baseUrl = await serve(t, () => {});
  await assert.rejects(new Rest({ baseUrl, timeout: 20 }).get("/"), /no answer in time/);
  const abort = new AbortController();
  const waiting = new Rest({ baseUrl }).get("/", abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(new Rest({ baseUrl }).get("/", abort.signal), /enough/);

  const asked: RequestInit[] = [];
  const fetch = async (_: unknown, init?: RequestInit) => {
    asked.push(init ?? {});
    return new Response("1");
  };
  assert.equal(await new Rest({ fetch: fetch as typeof globalThis.fetch, headers: { cookie: "a=b" } }).get("/"), 1);
  const [{ credentials, headers } = {}] = asked;
  assert.deepEqual([credentials, headers], ["include", { accept: "application/json", cookie: "a=b" }]);
});

test("the README shows the example that the compiler has checked", () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const shown = /## A live list\n\n```ts\n([\s\S]*?)```/.exec(read("../README.md"))?.[1];
  assert.equal(shown, read("../test/example.ts"));
});

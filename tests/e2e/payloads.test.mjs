// The event payloads field by field, and the identity of emitted and stored bytes (decision 27).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertShape, PAYLOADS } from "./lib/shapes.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";

/** Text that reveals any re-encoding: escapes, non-ASCII, astral characters, line separators, HTML, JSON in JSON. */
const UNUSUAL_TEXT = 'Ünï "çødé" \\ / \u2028 <b>&amp;</b> 😀 \t {"a":1}';

let world, owner, contributor, extra;
before(async () => {
  world = await World.open({ users: ["owner", "contributor", "extra"] });
  ({ owner, contributor, extra } = world.users);
});
after(() => world?.close());

/** Makes one mutation of every kind in a new vault, with a client that receives all events after it joined. */
async function makeEveryMutation() {
  const vault = await owner.createVault(`Vault ${UNUSUAL_TEXT}`);
  await owner.addMember(vault.id, contributor.user, "contributor");
  const client = await world.member(owner, vault.id);
  const base = `/api/vaults/${vault.id}`;

  const created = await contributor.createSource(vault.id, UNUSUAL_TEXT);
  const updated = await contributor.updateSource(created.id, {
    title: "Revised",
    fileUrl: "http://example.test/b?c=d&e=f#g",
  });
  const kept = await owner.createSource(vault.id, "Kept");
  const removed = await owner.deleteSource(created.id);
  const added = await owner.addMember(vault.id, extra.user, "viewer");
  const promoted = await owner.expect(200, "PATCH", `${base}/members/${extra.user.id}`, { role: "contributor" });
  const left = await owner.expect(204, "DELETE", `${base}/members/${extra.user.id}`);
  const renamed = await owner.expect(200, "PATCH", base, { name: "Renamed" });
  const seqs = {
    created: created.seq,
    updated: updated.seq,
    kept: kept.seq,
    removed: removed.seq,
    added: added.seq,
    promoted: promoted.seq,
    left: left.seq,
    renamed: renamed.seq,
  };
  await client.awaitSeq(vault.id, renamed.seq);
  // The log is listed before the vault is deleted; its last event is read from the table.
  const listed = await owner.expect(200, "GET", `${base}/events?after=0&limit=100`);
  const deleted = await owner.expect(204, "DELETE", base);
  await client.awaitSeq(vault.id, deleted.seq);
  return {
    vault,
    client,
    source: created,
    updated: updated.body.source,
    listed,
    seqs: { ...seqs, deleted: deleted.seq },
  };
}

describe("event payloads", () => {
  let outcome, events, log;
  before(async () => {
    outcome = await makeEveryMutation();
    events = new Map(outcome.client.eventsOf(outcome.vault.id).map((event) => [event.data.seq, event]));
    log = await world.database.log(outcome.vault.id);
  });

  const event = (mutation, type) => {
    const found = events.get(outcome.seqs[mutation]);
    assert.equal(found?.name, type, mutation);
    return found.data;
  };

  test("every event type occurs, and every response has its seq", () => {
    assert.deepEqual(new Set(log.map(({ type }) => type)), new Set(Object.keys(PAYLOADS)));
    assertContiguous(Object.values(outcome.seqs), 3, 11);
    assertContiguous(
      log.map(({ seq }) => seq),
      1,
      11,
    );
    assertContiguous(outcome.client.seqsOf(outcome.vault.id), 3, 11);
  });

  test("each payload has exactly the keys of its type", () => {
    for (const { data, name } of events.values()) assertShape(data, PAYLOADS[name], name);
    for (const { type, payload } of log) assertShape(JSON.parse(payload), PAYLOADS[type], type);
  });

  test("each payload has the row's seq and eventId, and the time and the actor of the change", () => {
    for (const { seq, event_id: eventId, type, payload } of log) {
      const data = JSON.parse(payload);
      assert.equal(data.seq, seq);
      assert.equal(data.eventId, eventId);
      const [user, role] = ["created", "updated"].some((mutation) => outcome.seqs[mutation] === seq)
        ? [contributor.user, "contributor"]
        : [owner.user, "owner"];
      assert.deepEqual(data.actor, { userId: user.id, userName: user.name, role }, `the actor of ${type}`);
      assert.ok(Math.abs(Date.now() - Date.parse(data.timestamp)) < 600_000, `the time of ${type}: ${data.timestamp}`);
    }
    const times = log.map(({ payload }) => Date.parse(JSON.parse(payload).timestamp));
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    );
    assert.equal(new Set(log.map(({ event_id: id }) => id)).size, log.length);
  });

  test("each payload describes the change", () => {
    const created = event("created", "source:created").source;
    const { seq, ...answered } = outcome.source;
    assert.equal(seq, outcome.seqs.created);
    assert.deepEqual(created, answered, "the event has the same source as the response");
    assert.equal(created.title, UNUSUAL_TEXT);
    assert.equal(created.version, 1);
    assert.equal(created.vaultId, outcome.vault.id);
    assert.equal(created.createdAt, created.updatedAt);

    const updated = event("updated", "source:updated").source;
    assert.deepEqual(updated, outcome.updated);
    assert.deepEqual(updated, {
      ...created,
      title: "Revised",
      fileUrl: "http://example.test/b?c=d&e=f#g",
      version: 2,
      updatedAt: updated.updatedAt,
    });
    assert.ok(Date.parse(updated.updatedAt) >= Date.parse(created.updatedAt));

    assert.equal(event("kept", "source:created").source.title, "Kept");
    const removed = event("removed", "source:deleted");
    assert.deepEqual([removed.sourceId, removed.vaultId], [created.id, outcome.vault.id]);

    const { createdAt, ...member } = event("added", "member:added").member;
    assert.deepEqual(member, { userId: extra.user.id, userName: "extra", role: "viewer" });
    assert.deepEqual(event("promoted", "member:updated").member, { ...member, createdAt, role: "contributor" });
    assert.equal(event("left", "member:removed").userId, extra.user.id);
    assert.equal(event("renamed", "vault:updated").vault.name, "Renamed");
    assert.equal(event("deleted", "vault:deleted").vaultId, outcome.vault.id);

    const creation = JSON.parse(log[0].payload);
    assert.equal(log[0].type, "vault:created");
    assert.equal(creation.vault.name, `Vault ${UNUSUAL_TEXT}`);
    assert.deepEqual([creation.member.userId, creation.member.role], [owner.user.id, "owner"]);
  });

  test("stored = emitted: the packet on the wire contains the row's exact text", () => {
    for (const { seq, type, payload } of log.slice(2)) {
      const packet = `2["${type}",${payload}]`;
      assert.ok(
        outcome.client.frames.includes(packet),
        `event ${seq} on the wire: ${outcome.client.frames.find((frame) => frame.includes(`"seq":${seq},`))}\nin the log: ${packet}`,
      );
    }
  });

  test("stored = listed: GET …/events returns the same log, byte for byte", () => {
    const { body, text } = outcome.listed;
    assert.equal(body.headSeq, outcome.seqs.renamed);
    assert.deepEqual(
      body.events.map(({ seq, eventId, type }) => [seq, eventId, type]),
      log.slice(0, -1).map(({ seq, event_id: id, type }) => [seq, id, type]),
    );
    body.events.forEach((listed, i) => {
      assert.deepEqual(Object.keys(listed).sort(), ["createdAt", "eventId", "payload", "seq", "type"]);
      assert.equal(Date.parse(listed.createdAt), Date.parse(listed.payload.timestamp));
      assert.ok(text.includes(log[i].payload), `event ${listed.seq} as stored`);
    });
  });

  test("GET …/events returns any range of the log", async () => {
    const vault = await owner.createVault("Paged");
    for (let i = 0; i < 6; i++) await owner.createSource(vault.id, `Source ${i}`);
    const page = async (query) => (await owner.expect(200, "GET", `/api/vaults/${vault.id}/events${query}`)).body;
    const seqs = async (query) => (await page(query)).events.map(({ seq }) => seq);
    assert.deepEqual(await seqs(""), [1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(await seqs("?after=4"), [5, 6, 7]);
    assert.deepEqual(await seqs("?after=2&limit=3"), [3, 4, 5]);
    assert.deepEqual(await page("?after=7"), { events: [], headSeq: 7 });
  });
});

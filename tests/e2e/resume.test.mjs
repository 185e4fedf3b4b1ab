// I4 and I6 on a single connection: catching up on join, and the end of a membership.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting } from "./lib/writers.mjs";

const BACKLOG_LIMIT = 50;

let world, owner, viewer;
before(async () => {
  world = await World.open({
    env: { SYNCSCRIPT_BACKLOG_LIMIT: String(BACKLOG_LIMIT) },
    users: ["owner", "viewer"],
  });
  ({ owner, viewer } = world.users);
});
after(() => world?.close());

/** The events that a client has received from the server: log events as their seq, others as their name. */
const receivedEvents = ({ received }, from = 0) =>
  received
    .slice(from)
    .filter(({ name }) => name !== "connect")
    .map(({ name, data }) => (data.eventId ? data.seq : name));

async function vaultWithSources(count) {
  const vault = await world.vault();
  for (let i = 0; i < count; i++) vault.head = (await owner.createSource(vault.id, `Source ${i}`)).seq;
  return vault;
}

describe("I4: joining with `after`", () => {
  test("brings the missed events in order, then vault:joined, then new events", async () => {
    const vault = await vaultWithSources(10);
    const client = await world.subscriber(viewer);
    const joined = await client.join({ vaultId: vault.id, after: 5 });
    assert.deepEqual(joined, { vaultId: vault.id, role: "viewer", seq: vault.head });
    assert.deepEqual(receivedEvents(client), [6, 7, 8, 9, 10, 11, 12, "vault:joined"]);

    const { seq } = await owner.createSource(vault.id, "New");
    await client.awaitSeq(vault.id, seq);
    assertContiguous(client.seqsOf(vault.id), 6, seq);
    const log = await world.database.log(vault.id);
    for (const { seq: at, type, payload } of log.slice(5)) {
      assert.ok(client.frames.includes(`2["${type}",${payload}]`), `event ${at} as stored`);
    }
  });

  test("`after` with the seq of a source list continues that list", async () => {
    const vault = await vaultWithSources(3);
    const { sources, seq } = (await viewer.expect(200, "GET", `/api/vaults/${vault.id}/sources`)).body;
    assert.equal(sources.length, 3);
    const next = await owner.createSource(vault.id, "Between the listing and the join");
    const client = await world.subscriber(viewer);
    await client.join({ vaultId: vault.id, after: seq });
    assert.deepEqual(client.seqsOf(vault.id), [next.seq]);
  });

  test("`after` at the head brings nothing, 0 brings the whole log", async () => {
    const vault = await vaultWithSources(2);
    const client = await world.subscriber(viewer);
    await client.join({ vaultId: vault.id, after: vault.head });
    assert.deepEqual(receivedEvents(client), ["vault:joined"]);
    const again = await world.subscriber(viewer);
    await again.join({ vaultId: vault.id, after: 0 });
    assertContiguous(again.seqsOf(vault.id), 1, vault.head);
  });

  test("over the limit or above the head: vault:resync, then vault:joined, and no event before", async () => {
    const vault = await vaultWithSources(BACKLOG_LIMIT);
    for (const after of [vault.head - BACKLOG_LIMIT - 1, vault.head + 1]) {
      const client = await world.subscriber(viewer);
      const joined = await client.join({ vaultId: vault.id, after });
      assert.deepEqual(receivedEvents(client), ["vault:resync", "vault:joined"], `after ${after}`);
      assert.deepEqual(await client.next("vault:resync", 0), { vaultId: vault.id, seq: joined.seq });
      assert.equal(joined.seq, vault.head);
    }
    const client = await world.subscriber(viewer);
    await client.join({ vaultId: vault.id, after: vault.head - BACKLOG_LIMIT });
    assertContiguous(
      client.seqsOf(vault.id),
      vault.head - BACKLOG_LIMIT + 1,
      vault.head,
      "a backlog of exactly the limit",
    );
  });

  test("a client that is disconnected repeatedly during writes gets every event exactly once", async () => {
    const vault = await vaultWithSources(0);
    let last = await world.database.headSeq(vault.id);
    const first = last;
    const seen = [];
    const write = () => owner.createSource(vault.id, "While you were away");
    await whileWriting(2, write, async () => {
      for (let round = 0; round < 10; round++) {
        const client = await world.subscriber(viewer, { transports: [round % 3 ? "websocket" : "polling"] });
        await client.join({ vaultId: vault.id, after: last });
        await client.awaitSeq(vault.id, last + 5);
        client.socket.io.engine.close();
        seen.push(...client.seqsOf(vault.id));
        last = seen.at(-1);
        assert.equal(client.received.filter(({ name }) => name === "vault:resync").length, 0, "no resync was needed");
      }
    });
    assertContiguous(seen, first + 1, last);
  });
});

describe("I6: the end of a membership", () => {
  test("a removed member gets vault:left at the removal's place in the log, and no later event", async () => {
    const vault = await vaultWithSources(1);
    const client = await world.member(viewer, vault.id);
    const witness = await world.member(owner, vault.id);
    const last = await owner.createSource(vault.id, "Last visible event");
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}/members/${viewer.user.id}`);
    const hidden = await owner.createSource(vault.id, "Not visible to the removed member");
    assert.deepEqual(await client.next("vault:left", 0), { vaultId: vault.id, reason: "membership-revoked" });
    await witness.awaitSeq(vault.id, hidden.seq);
    await client.emitWithAck("vault:leave", vault.id);
    assert.deepEqual(client.seqsOf(vault.id), [last.seq]);
    assert.equal((await client.emitForError("vault:join", vault.id)).message, "Access denied to vault");

    await owner.addMember(vault.id, viewer.user, "viewer");
    await client.join(vault.id);
    const { seq } = await owner.createSource(vault.id, "Back again");
    await client.awaitSeq(vault.id, seq);
  });
});

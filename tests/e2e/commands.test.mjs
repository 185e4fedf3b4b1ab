// Source commands by socket: they check the role and run the same command as REST.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { newSource } from "./lib/rest.mjs";
import { assertShape, SOURCE } from "./lib/shapes.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";

const INSUFFICIENT = "Insufficient permissions";

let world, owner, contributor, viewer, outsider;
before(async () => {
  world = await World.open({ users: ["owner", "contributor", "viewer", "outsider"] });
  ({ owner, contributor, viewer, outsider } = world.users);
});
after(() => world?.close());

describe("source commands by socket", () => {
  test("owner and contributor: the command runs as by REST, is acknowledged, and its event comes only from the log", async () => {
    for (const [rest, role] of [
      [owner, "owner"],
      [contributor, "contributor"],
    ]) {
      const vault = await world.vault();
      const client = await world.member(rest, vault.id);
      const witness = await world.member(viewer, vault.id);
      const from = client.joined.seq;

      const created = await client.emitWithAck("source:created", { vaultId: vault.id, ...newSource("By socket") });
      assertShape(created, { ok: (ok) => ok === true, seq: (seq) => seq === from + 1, source: SOURCE }, "ack");
      assert.deepEqual(
        [created.source.title, created.source.vaultId, created.source.version],
        ["By socket", vault.id, 1],
      );

      const updated = await client.emitWithAck("source:updated", {
        sourceId: created.source.id,
        title: "Revised by socket",
      });
      assertShape(updated, { ok: (ok) => ok === true, seq: (seq) => seq === from + 2, source: SOURCE }, "ack");
      assert.deepEqual(updated.source, {
        ...created.source,
        title: "Revised by socket",
        version: 2,
        updatedAt: updated.source.updatedAt,
      });
      assert.deepEqual(
        (await rest.expect(200, "GET", `/api/sources/${created.source.id}`)).body.source,
        updated.source,
      );

      const deleted = await client.emitWithAck("source:deleted", { sourceId: created.source.id });
      assert.deepEqual([deleted.ok, deleted.seq], [true, from + 3]);
      await rest.expect(404, "GET", `/api/sources/${created.source.id}`);

      for (const subscriber of [client, witness]) {
        await subscriber.awaitSeq(vault.id, from + 3);
        assertContiguous(subscriber.seqsOf(vault.id), from + 1, from + 3);
        const [first, second, third] = subscriber.eventsOf(vault.id);
        assert.deepEqual([first.name, second.name, third.name], ["source:created", "source:updated", "source:deleted"]);
        assert.deepEqual(
          [first.data.source, second.data.source, third.data.sourceId],
          [created.source, updated.source, created.source.id],
        );
        assert.deepEqual(first.data.actor, { userId: rest.user.id, userName: rest.user.name, role });
      }
    }
  });

  test("viewer: each command gets Insufficient permissions and writes nothing", async () => {
    const vault = await world.vault();
    const source = await owner.createSource(vault.id);
    const client = await world.member(viewer, vault.id);
    const attempts = [
      ["source:created", { vaultId: vault.id, ...newSource() }],
      ["source:updated", { sourceId: source.id, title: "Vandalised" }],
      ["source:deleted", { sourceId: source.id }],
    ];
    for (const [name, body] of attempts) {
      const error = await client.emitForError(name, body);
      assert.equal(error.message, INSUFFICIENT, name);
      assert.equal(typeof error.code, "string", name);
      const ack = await client.emitWithAck(name, body);
      assert.deepEqual([ack.ok, ack.code, ack.message], [false, error.code, INSUFFICIENT], name);
    }
    assert.equal(await world.database.headSeq(vault.id), source.seq);
    const { seq, ...unchanged } = source;
    assert.deepEqual((await viewer.expect(200, "GET", `/api/sources/${source.id}`)).body.source, unchanged);
  });

  test("non-member: an unknown and a forbidden target get the same error, and nothing is written", async () => {
    const vault = await world.vault();
    const source = await owner.createSource(vault.id);
    const client = await world.subscriber(outsider);
    const pairs = [
      ["source:created", (id) => ({ vaultId: id, ...newSource() }), vault.id],
      ["source:updated", (id) => ({ sourceId: id, title: "Vandalised" }), source.id],
      ["source:deleted", (id) => ({ sourceId: id }), source.id],
    ];
    for (const [name, body, target] of pairs) {
      const forbidden = await client.emitWithAck(name, body(target));
      const unknown = await client.emitWithAck(name, body(randomUUID()));
      assert.equal(forbidden.ok, false, name);
      assert.notEqual(forbidden.code, "BAD_REQUEST", name);
      assert.deepEqual([forbidden.code, forbidden.message], [unknown.code, unknown.message], name);
    }
    assert.equal(await world.database.headSeq(vault.id), source.seq);
  });
});

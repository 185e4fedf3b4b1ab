// Socket requests: joining and leaving, acknowledgements, and the errors for malformed requests.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { newSource } from "./lib/rest.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";

const DENIED = "Access denied to vault";

let world, owner, contributor, viewer, outsider;
before(async () => {
  world = await World.open({ users: ["owner", "contributor", "viewer", "outsider"] });
  ({ owner, contributor, viewer, outsider } = world.users);
});
after(() => world?.close());

describe("vault:join and vault:leave", () => {
  test("the string form, the object form and `after` at the head give the same response", async () => {
    const vault = await world.vault();
    const head = await world.database.headSeq(vault.id);
    for (const [rest, role] of [
      [owner, "owner"],
      [contributor, "contributor"],
      [viewer, "viewer"],
    ]) {
      const client = await world.subscriber(rest);
      const expected = { vaultId: vault.id, role, seq: head };
      assert.deepEqual(await client.join(vault.id), expected);
      assert.deepEqual(await client.join({ vaultId: vault.id }), expected);
      assert.deepEqual(await client.join({ vaultId: vault.id, after: head }), expected);
    }
  });

  test("acknowledgement and event have the same data", async () => {
    const vault = await world.vault();
    const client = await world.subscriber(viewer);
    const seq = await world.database.headSeq(vault.id);
    for (const form of [vault.id, { vaultId: vault.id }]) {
      const from = client.received.length;
      assert.deepEqual(await client.emitWithAck("vault:join", form), {
        ok: true,
        vaultId: vault.id,
        role: "viewer",
        seq,
      });
      assert.deepEqual(await client.next("vault:joined", from), { vaultId: vault.id, role: "viewer", seq });
    }
  });

  test("vault:leave gets vault:left, even for a room that was never joined", async () => {
    const vault = await world.vault();
    const client = await world.member(viewer, vault.id);
    assert.deepEqual(await client.leave(vault.id), { vaultId: vault.id });
    assert.deepEqual(await client.emitWithAck("vault:leave", vault.id), { ok: true, vaultId: vault.id });
  });

  test("joins and leaves sent without waiting take effect in the order sent", async () => {
    const vault = await world.vault();
    const client = await world.subscriber(owner);
    for (let i = 0; i < 5; i++) {
      client.socket.emit("vault:join", vault.id);
      client.socket.emit("vault:leave", vault.id);
    }
    const joined = await client.emitWithAck("vault:join", vault.id);
    await client.waitFor(
      () => client.received.filter(({ name }) => name === "vault:joined").length === 6,
      "the sixth vault:joined",
    );
    const events = client.received.map(({ name }) => name).filter((name) => name.startsWith("vault:"));
    assert.deepEqual(events, [...Array(5).fill(["vault:joined", "vault:left"]).flat(), "vault:joined"]);
    const { seq } = await owner.createSource(vault.id);
    await client.awaitSeq(vault.id, seq);
    assertContiguous(client.seqsOf(vault.id), joined.seq + 1, seq);
  });

  test("an unknown, a forbidden and a deleted vault get the same error", async () => {
    const forbidden = (await world.vault()).id;
    const deleted = (await outsider.createVault("Deleted")).id;
    await outsider.expect(204, "DELETE", `/api/vaults/${deleted}`);
    const client = await world.subscriber(outsider);
    const answers = [];
    for (const vaultId of [forbidden, deleted, randomUUID()]) {
      for (const form of [vaultId, { vaultId }]) {
        const { vaultId: named, ...error } = await client.emitForError("vault:join", form);
        assert.equal(named, vaultId);
        const { ok, ...ack } = await client.emitWithAck("vault:join", form);
        assert.equal(ok, false);
        assert.deepEqual({ code: ack.code, message: ack.message }, error);
        answers.push(error);
      }
    }
    assert.equal(answers[0].message, DENIED);
    assert.equal(typeof answers[0].code, "string");
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
  });
});

describe("malformed payloads", () => {
  const NOT_A_VAULT = [
    5,
    null,
    true,
    [],
    {},
    "",
    "not-a-uuid",
    { vaultId: 5 },
    { vaultId: null },
    { vaultId: "x" },
    { vaultId: [randomUUID()] },
    Buffer.from("binary"),
  ];

  test("get BAD_REQUEST, and the connection stays usable", async () => {
    const vault = await world.vault();
    const client = await world.subscriber(owner);
    const before = await world.database.headSeq(vault.id);
    const malformed = [
      ...["vault:join", "vault:leave"].flatMap((name) => [[name], ...NOT_A_VAULT.map((payload) => [name, payload])]),
      ...[-1, 1.5, "1", "x", {}].map((after) => ["vault:join", { vaultId: vault.id, after }]),
      ...["source:created", "source:updated", "source:deleted"].flatMap((name) => [
        [name],
        ...NOT_A_VAULT.map((payload) => [name, payload]),
      ]),
      ["source:created", newSource()],
      ["source:created", { vaultId: vault.id }],
      ["source:created", { vaultId: vault.id, title: "No URL" }],
      ["source:created", { vaultId: vault.id, title: 5, fileUrl: "https://example.test/" }],
      ["source:created", { vaultId: vault.id, title: null, fileUrl: "https://example.test/" }],
      ["source:updated", { sourceId: "x", title: "T" }],
      ["source:deleted", { sourceId: 7 }],
    ];
    for (const [name, ...payload] of malformed) {
      const label = `${name} ${JSON.stringify(payload)}`;
      const error = await client.emitForError(name, ...payload);
      assert.equal(error.code, "BAD_REQUEST", `${label}: ${JSON.stringify(error)}`);
      assert.equal(typeof error.message, "string", label);
      const ack = await client.emitWithAck(name, ...payload);
      assert.deepEqual([ack.ok, ack.code], [false, "BAD_REQUEST"], `${label}: ${JSON.stringify(ack)}`);
    }
    assert.equal(await world.database.headSeq(vault.id), before, "nothing was written");
    assert.equal((await client.join(vault.id)).seq, before);
  });

  test("values that REST rejects are rejected by socket with the same code, and nothing is written", async () => {
    const vault = await world.vault();
    const client = await world.subscriber(owner);
    const source = await owner.createSource(vault.id);
    const bad = [
      { title: "" },
      { title: "x".repeat(501) },
      { fileUrl: "javascript:alert(1)" },
      { fileUrl: "not a url" },
      { fileUrl: `https://example.test/${"x".repeat(2048)}` },
      { title: null },
      { owner: "an unknown field" },
    ];
    for (const part of bad) {
      const label = JSON.stringify(part).slice(0, 60);
      const create = { ...newSource(), ...part };
      const change = { title: "Fine", ...part };
      const attempts = [
        ["source:created", { vaultId: vault.id, ...create }, "POST", `/api/vaults/${vault.id}/sources`, create],
        ["source:updated", { sourceId: source.id, ...change }, "PATCH", `/api/sources/${source.id}`, change],
      ];
      // With a null title the title stays unchanged, if another field changes.
      if (part.title === null) attempts.pop();
      for (const [name, payload, method, path, body] of attempts) {
        const answer = await owner.request(method, path, body);
        assert.ok(answer.status === 400 || answer.status === 422, `${method} ${label}: ${answer.status}`);
        const ack = await client.emitWithAck(name, payload);
        assert.deepEqual([ack.ok, ack.code], [false, answer.body.code], `${name} ${label}: ${JSON.stringify(ack)}`);
      }
    }
    assert.equal(await world.database.headSeq(vault.id), source.seq);
  });

  test("more requests than the queue holds: RATE_LIMITED for the excess, responses for the others", async () => {
    const vault = await world.vault();
    const client = await world.subscriber(owner);
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.emitWithAck("vault:join", vault.id)));
    const accepted = answers.filter(({ ok }) => ok);
    const rejected = answers.filter(({ ok }) => !ok);
    assert.ok(accepted.length > 0 && rejected.length > 0, `${accepted.length} accepted, ${rejected.length} rejected`);
    assert.deepEqual(new Set(rejected.map(({ code }) => code)), new Set(["RATE_LIMITED"]));
    assert.equal((await client.emitWithAck("vault:join", vault.id)).ok, true);
  });
});

// The AsyncAPI document passes the official parser, and every message that a live server sends or accepts matches it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Parser } from "@asyncapi/parser";
import { runWorkerOk } from "../e2e/lib/outbox-worker.mjs";
import { newSource } from "../e2e/lib/rest.mjs";
import { World } from "../e2e/lib/world.mjs";
import { compileMessages } from "./lib/schemas.mjs";

let world, text, document, messages;
const seen = new Set();
before(async () => {
  world = await World.open({
    users: ["owner", "contributor", "viewer", "extra"],
    env: { SYNCSCRIPT_SOCKETS_PER_USER: "2" },
  });
  text = await (await fetch(`${world.server.url}/api/asyncapi.json`)).text();
  document = JSON.parse(text);
  messages = compileMessages(document);
});
after(() => world?.close());

/** Asserts that `payload` matches the document's schema of the message. */
function check(key, payload) {
  const validate = messages.get(key);
  assert.ok(validate, `the document has a message ${key}`);
  const errors = validate(payload) ? [] : validate.errors;
  assert.deepEqual(errors, [], `${key}: ${JSON.stringify(payload)}`);
  seen.add(key);
}

/** Checks everything that a client has received. */
function checkReceived(client) {
  for (const { name, data } of client.received) {
    if (name === "connect_error") check("answer.connect_error", { message: data });
    else if (messages.has(`event.${name}`)) check(`event.${name}`, data);
    else if (!["connect", "disconnect"].includes(name)) check(`answer.${name}`, data);
  }
}

/** Sends a documented request, and checks both the request and its acknowledgement. */
async function sendChecked(client, name, payload) {
  check(`request.${name}`, payload);
  const answer = await client.emitWithAck(name, payload);
  check(`ack.${name}`, answer);
  return answer;
}

test("the official parser accepts the document", async () => {
  const { document: parsed, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity <= 1).map(({ message, path }) => `${path.join(".")}: ${message}`),
    [],
  );
  assert.equal(parsed.version(), "3.0.0");
  assert.equal(parsed.operations().all().length, Object.keys(document.operations).length);
});

test("every example matches its schema", () => {
  const examples = Object.entries(document.components.messages).filter(([, message]) => message.examples);
  assert.equal(examples.length, 10);
  for (const [key, message] of examples) assert.ok(messages.get(key)(message.examples[0].payload), key);
});

test("every message of a live server matches the document, and every documented message occurs", async () => {
  const { owner, contributor, viewer, extra } = world.users;
  const vault = await world.vault('Awkward \u2028 "😀"');
  const base = `/api/vaults/${vault.id}`;
  const watcher = await world.subscriber(owner);
  const leaver = await world.subscriber(viewer);
  assert.equal((await sendChecked(watcher, "vault:join", { vaultId: vault.id, after: 0 })).ok, true);
  assert.equal((await sendChecked(leaver, "vault:join", vault.id)).ok, true);

  const writer = await world.subscriber(contributor);
  const created = await sendChecked(writer, "source:created", { vaultId: vault.id, ...newSource("By socket") });
  const sourceId = created.source.id;
  await sendChecked(writer, "source:updated", { sourceId, title: "Again" });
  await sendChecked(writer, "source:deleted", { sourceId });
  await owner.addMember(vault.id, extra.user, "viewer");
  await owner.expect(200, "PATCH", `${base}/members/${extra.user.id}`, { role: "contributor" });
  await owner.expect(200, "PATCH", base, { name: "Renamed" });
  await owner.expect(204, "DELETE", `${base}/members/${viewer.user.id}`);
  await leaver.waitFor(({ name }) => name === "vault:left", "vault:left after the removal");

  // Errors, with a vault and without.
  assert.equal((await sendChecked(leaver, "vault:join", vault.id)).code, "ACCESS_DENIED");
  assert.equal((await sendChecked(leaver, "source:created", { vaultId: vault.id, ...newSource() })).ok, false);
  check("ack.source:updated", await leaver.emitWithAck("source:updated", { sourceId: "none" }));
  check("ack.vault:leave", await leaver.emitWithAck("vault:leave", 7));
  // A position above the head.
  await sendChecked(writer, "vault:join", { vaultId: vault.id, after: 1_000_000 });
  await sendChecked(writer, "vault:leave", vault.id);

  const { seq } = await owner.createSource(vault.id, "The last");
  await watcher.awaitSeq(vault.id, seq);
  await runWorkerOk(world.database, "replay", "--vault", vault.id, "--from", "1", "--to", String(seq));
  const isLast = ({ data }) => data?.replay !== undefined && data.seq === seq;
  await watcher.waitFor(isLast, "the replayed events");
  const deletion = await owner.expect(204, "DELETE", base);
  await watcher.awaitSeq(vault.id, deletion.seq);
  await watcher.waitFor(
    ({ name, data }) => name === "vault:left" && data.reason === "vault-deleted",
    "vault:left after the deletion",
  );

  const stranger = world.attempt({ cookie: "authjs.session-token=none" });
  await stranger.waitFor(({ name }) => name === "connect_error", "the rejection");
  const third = [await world.subscriber(owner), world.attempt({ cookie: owner.cookie })][1];
  await third.waitFor(({ data }) => data === "TOO_MANY_SOCKETS", "the limit of sockets per user");

  for (const client of [watcher, leaver, writer, stranger, third]) checkReceived(client);
  assert.deepEqual(
    [...messages.keys()].filter((key) => !seen.has(key)),
    [],
    "every documented message occurred",
  );
});

test("the server accepts the document's examples and rejects malformed variants of them", async () => {
  const client = await world.subscriber(world.users.extra);
  for (const [key, { name, examples }] of Object.entries(document.components.messages)) {
    if (!key.startsWith("request.")) continue;
    const [{ payload }] = examples;
    check(key, payload);
    assert.notEqual((await sendChecked(client, name, payload)).code, "BAD_REQUEST", key);
    for (const malformed of [7, [payload], null, { ...Object(payload), extra: 1 }]) {
      assert.equal(messages.get(key)(malformed), false, `${key} does not allow ${JSON.stringify(malformed)}`);
      assert.equal(
        (await client.emitWithAck(name, malformed)).code,
        "BAD_REQUEST",
        `${key}: ${JSON.stringify(malformed)}`,
      );
    }
  }
});

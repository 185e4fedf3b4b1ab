// The AsyncAPI document: valid, by the official parser; and true, by everything that a live server says and takes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Parser } from "@asyncapi/parser";
import { runWorkerOk } from "../e2e/lib/outbox-worker.mjs";
import { newSource } from "../e2e/lib/rest.mjs";
import { World } from "../e2e/lib/world.mjs";
import { validators } from "./lib/schemas.mjs";

let world, text, document, messages;
const seen = new Set();
before(async () => {
  world = await World.open({
    users: ["owner", "contributor", "viewer", "extra"],
    env: { SYNCSCRIPT_SOCKETS_PER_USER: "2" },
  });
  text = await (await fetch(`${world.server.url}/api/asyncapi.json`)).text();
  document = JSON.parse(text);
  messages = validators(document);
});
after(() => world?.close());

/** Asserts that `payload` is as the document says of that message. */
function check(key, payload) {
  const validate = messages.get(key);
  assert.ok(validate, `the document has a message ${key}`);
  const faults = validate(payload) ? [] : validate.errors;
  assert.deepEqual(faults, [], `${key}: ${JSON.stringify(payload)}`);
  seen.add(key);
}

/** Checks all that a client has received. */
function checkReceived(client) {
  for (const { name, data } of client.received) {
    if (name === "connect_error") check("answer.connect_error", { message: data });
    else if (messages.has(`event.${name}`)) check(`event.${name}`, data);
    else if (!["connect", "disconnect"].includes(name)) check(`answer.${name}`, data);
  }
}

/** Sends what the document lets clients send, and checks the acknowledgement too. */
async function ask(client, name, payload) {
  check(`request.${name}`, payload);
  const answer = await client.emitWithAck(name, payload);
  check(`ack.${name}`, answer);
  return answer;
}

test("the official parser finds nothing wrong", async () => {
  const { document: parsed, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity <= 1).map(({ message, path }) => `${path.join(".")}: ${message}`),
    [],
  );
  assert.equal(parsed.version(), "3.0.0");
  assert.equal(parsed.operations().all().length, Object.keys(document.operations).length);
});

test("every example is one", () => {
  const examples = Object.entries(document.components.messages).filter(([, message]) => message.examples);
  assert.equal(examples.length, 10);
  for (const [key, message] of examples) assert.ok(messages.get(key)(message.examples[0].payload), key);
});

test("whatever a live server says is as the document has it, and it says everything that is there", async () => {
  const { owner, contributor, viewer, extra } = world.users;
  const vault = await world.vault('Awkward \u2028 "😀"');
  const base = `/api/vaults/${vault.id}`;
  const watching = await world.subscriber(owner);
  const leaving = await world.subscriber(viewer);
  assert.equal((await ask(watching, "vault:join", { vaultId: vault.id, after: 0 })).ok, true);
  assert.equal((await ask(leaving, "vault:join", vault.id)).ok, true);

  const writing = await world.subscriber(contributor);
  const created = await ask(writing, "source:created", { vaultId: vault.id, ...newSource("By socket") });
  const sourceId = created.source.id;
  await ask(writing, "source:updated", { sourceId, title: "Again" });
  await ask(writing, "source:deleted", { sourceId });
  await owner.addMember(vault.id, extra.user, "viewer");
  await owner.expect(200, "PATCH", `${base}/members/${extra.user.id}`, { role: "contributor" });
  await owner.expect(200, "PATCH", base, { name: "Renamed" });
  await owner.expect(204, "DELETE", `${base}/members/${viewer.user.id}`);
  await leaving.waitFor(({ name }) => name === "vault:left", "the end of the membership");

  // Refusals, with a vault and without.
  assert.equal((await ask(leaving, "vault:join", vault.id)).code, "ACCESS_DENIED");
  assert.equal((await ask(leaving, "source:created", { vaultId: vault.id, ...newSource() })).ok, false);
  check("ack.source:updated", await leaving.ask("source:updated", { sourceId: "none" }));
  check("ack.vault:leave", await leaving.ask("vault:leave", 7));
  // A position that no log has.
  await ask(writing, "vault:join", { vaultId: vault.id, after: 1_000_000 });
  await ask(writing, "vault:leave", vault.id);

  const { seq } = await owner.createSource(vault.id, "The last");
  await watching.awaitSeq(vault.id, seq);
  await runWorkerOk(world.database, "replay", "--vault", vault.id, "--from", "1", "--to", String(seq));
  const isLast = ({ data }) => data?.replay !== undefined && data.seq === seq;
  await watching.waitFor(isLast, "the replayed events");
  const gone = await owner.expect(204, "DELETE", base);
  await watching.awaitSeq(vault.id, gone.seq);
  await watching.waitFor(({ name, data }) => name === "vault:left" && data.reason === "vault-deleted", "the end");

  const stranger = world.attempt({ cookie: "authjs.session-token=none" });
  await stranger.waitFor(({ name }) => name === "connect_error", "the refusal");
  const third = [await world.subscriber(owner), world.attempt({ cookie: owner.cookie })][1];
  await third.waitFor(({ data }) => data === "TOO_MANY_SOCKETS", "the limit of sockets");

  for (const client of [watching, leaving, writing, stranger, third]) checkReceived(client);
  assert.deepEqual(
    [...messages.keys()].filter((key) => !seen.has(key)),
    [],
    "every message was seen",
  );
});

test("the server takes the examples of the document, and not what they are not", async () => {
  const client = await world.subscriber(world.users.extra);
  for (const [key, { name, examples }] of Object.entries(document.components.messages)) {
    if (!key.startsWith("request.")) continue;
    const [{ payload }] = examples;
    check(key, payload);
    assert.notEqual((await ask(client, name, payload)).code, "BAD_REQUEST", key);
    for (const wrong of [7, [payload], null, { ...Object(payload), more: 1 }]) {
      assert.equal(messages.get(key)(wrong), false, `${key} is not ${JSON.stringify(wrong)}`);
      assert.equal((await client.emitWithAck(name, wrong)).code, "BAD_REQUEST", `${key}: ${JSON.stringify(wrong)}`);
    }
  }
});

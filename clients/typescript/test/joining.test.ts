// When a watch joins, waits, tries again and ends, with a server that refuses, removes, falls silent or disconnects.
import assert from "node:assert/strict";
import test from "node:test";
import { type RefusedError, RestError } from "@syncscript/client";
import { VAULT } from "./lib/fake.js";
import { openWatch } from "./lib/fake-watch.js";
import { eventually } from "./lib/wait.js";

test("a reload that REST refuses: denied without access, ended without a session", async (t) => {
  const denied = await openWatch(t, {
    loadFirst: true,
    reload: () => Promise.reject(new RestError(404, "NOT_FOUND", "no")),
  });
  await eventually(() => denied.watch.state.status === "denied", "denied");
  const ended = await openWatch(t, {
    loadFirst: true,
    reload: () => Promise.reject(new RestError(401, "UNAUTHORIZED", "no")),
  });
  await eventually(() => ended.watch.state.status === "session-ended", "ended");
  assert.equal(ended.socket.connected, false);
});

test("refused for the moment: asked again; refused for good: not", async (t) => {
  const { socket, watch, errors } = await openWatch(t, { after: 0 });
  for (const code of ["UNAVAILABLE", "RATE_LIMITED", "SOMETHING_NEW"]) {
    const asked = socket.joins.length;
    socket.join.ack({ ok: false, code, message: "" });
    await eventually(() => socket.joins.length > asked, `asked again after ${code}`);
  }
  socket.join.ack({ ok: false, code: "ACCESS_DENIED", message: "Access denied to vault", vaultId: VAULT });
  assert.deepEqual(watch.state, { status: "denied", code: "ACCESS_DENIED", message: "Access denied to vault" });
  assert.deepEqual(
    errors.map((error) => (error as RefusedError).code),
    ["UNAVAILABLE", "RATE_LIMITED", "SOMETHING_NEW"],
    "the application can hear why it takes so long",
  );
});

test("a join that is never answered: the connection is replaced", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0, joinTimeout: 20 });
  await eventually(() => socket.joins.length === 2, "a second join");
  assert.equal(socket.connects, 2);
  socket.deliver(1);
  socket.admit(1);
  assert.deepEqual([seqs(), watch.state.status], [[1], "live"]);
});

test("a join that takes long, but during which the server speaks, is waited for", async (t) => {
  const { socket, seqs } = await openWatch(t, { after: 0, joinTimeout: 100 });
  const begun = performance.now();
  await eventually(() => {
    socket.deliver(seqs().length + 1);
    return performance.now() - begun > 300;
  }, "three times the timeout");
  assert.equal(socket.connects, 1);
});

test("removed while joining again: the answer says whether that holds", async (t) => {
  const { socket, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  socket.deliver(2);
  socket.says("vault:left", { vaultId: VAULT, reason: "membership-revoked" });
  assert.equal(watch.state.status, "catching-up", "perhaps added again since");
  socket.join.ack({ ok: false, code: "ACCESS_DENIED", message: "" });
  assert.deepEqual(watch.state, { status: "removed", reason: "membership-revoked" });

  const other = await openWatch(t, { after: 0 });
  other.socket.join.ack({ ok: true, vaultId: VAULT, left: "vault-deleted" });
  assert.deepEqual(other.watch.state, { status: "removed", reason: "vault-deleted" });
});

test("disconnected by the server, and refused for the moment: connects again by itself", async (t) => {
  const { socket, watch, states } = await openWatch(t, { after: 0 });
  socket.admit(0);
  let refusals = 2;
  socket.onConnect = () => (refusals-- > 0 ? socket.refuse("UNAVAILABLE") : socket.open());
  socket.kick();
  await eventually(() => socket.connected, "connected");
  socket.admit(0);
  assert.equal(watch.state.status, "live");
  const attempts = states.flatMap((state) => (state.status === "reconnecting" ? [state.attempt] : []));
  assert.deepEqual(attempts, [0, 1, 2, 3]);
});

test("disconnected by the application: stays so until it connects", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, client, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  socket.disconnect();
  t.mock.timers.tick(60_000);
  assert.deepEqual([watch.state.status, socket.connects], ["reconnecting", 1]);
  client.connect();
  assert.deepEqual([socket.connects, socket.joins.length], [2, 2]);
});

test("no session: the end, until someone signs in", async (t) => {
  const { socket, client, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  socket.onConnect = () => socket.refuse("UNAUTHORIZED");
  socket.kick();
  await eventually(() => watch.state.status === "session-ended", "session-ended");
  const late = client.watch("another", { onEvent: () => {}, reload: () => Promise.resolve(0) });
  await eventually(() => late.state.status === "session-ended", "a watch that begins then knows it");
  late.close();
  socket.onConnect = () => socket.open();
  client.connect();
  socket.admit(0);
  assert.equal(watch.state.status, "live");
});

test("a closed client leaves an application's own socket alone", async (t) => {
  const { socket, client } = await openWatch(t);
  client.close();
  assert.equal(socket.connected, true);
  assert.deepEqual([socket.eventNames(), socket.io.eventNames()], [[], []]);
});

test("the network is back, says the browser: connects at once instead of waiting", async (t) => {
  const platform = new EventTarget();
  const add = (type: string, listener: () => void) => platform.addEventListener(type, listener);
  const remove = (type: string, listener: () => void) => platform.removeEventListener(type, listener);
  Object.assign(globalThis, { addEventListener: add, removeEventListener: remove });
  t.after(() => Object.assign(globalThis, { addEventListener: undefined, removeEventListener: undefined }));
  const { socket, client } = await openWatch(t, { after: 0 });
  platform.dispatchEvent(new Event("online"));
  assert.equal(socket.connects, 1, "a connection that holds stays");
  socket.lose();
  platform.dispatchEvent(new Event("online"));
  assert.deepEqual([socket.connects, socket.joins.length], [2, 2]);
  socket.lose();
  client.close();
  platform.dispatchEvent(new Event("online"));
  assert.equal(socket.connects, 2);
});

// When a watch joins, waits, retries and ends, with a fake server that rejects, removes, falls silent or disconnects.
import assert from "node:assert/strict";
import test from "node:test";
import { type RefusedError, RestError } from "@syncscript/client";
import { VAULT } from "./lib/fake-socket.js";
import { openWatch } from "./lib/fake-watch.js";
import { eventually } from "./lib/wait.js";

test("a reload that REST rejects leads to denied without access and to session-ended without a session", async (t) => {
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

test("a temporary rejection is retried, a final one is not", async (t) => {
  const { socket, watch, errors } = await openWatch(t, { after: 0 });
  for (const code of ["UNAVAILABLE", "RATE_LIMITED", "SOMETHING_NEW"]) {
    const sent = socket.joins.length;
    socket.lastJoin.ack({ ok: false, code, message: "" });
    await eventually(() => socket.joins.length > sent, `retried after ${code}`);
  }
  socket.lastJoin.ack({ ok: false, code: "ACCESS_DENIED", message: "Access denied to vault", vaultId: VAULT });
  assert.deepEqual(watch.state, { status: "denied", code: "ACCESS_DENIED", message: "Access denied to vault" });
  assert.deepEqual(
    errors.map((error) => (error as RefusedError).code),
    ["UNAVAILABLE", "RATE_LIMITED", "SOMETHING_NEW"],
    "the application receives the reason for the delay",
  );
});

test("a join that is never answered replaces the connection", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0, joinTimeout: 20 });
  await eventually(() => socket.joins.length === 2, "a second join");
  assert.equal(socket.connects, 2);
  socket.deliverEvents(1);
  socket.acknowledgeJoin(1);
  assert.deepEqual([seqs(), watch.state.status], [[1], "live"]);
});

test("a slow join does not time out while the server sends messages", async (t) => {
  const { socket, seqs } = await openWatch(t, { after: 0, joinTimeout: 100 });
  const startedAt = performance.now();
  await eventually(() => {
    socket.deliverEvents(seqs().length + 1);
    return performance.now() - startedAt > 300;
  }, "three times the timeout");
  assert.equal(socket.connects, 1);
});

test("a removal during a join takes effect only if the answer confirms it", async (t) => {
  const { socket, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  socket.deliverEvents(2);
  socket.emitFromServer("vault:left", { vaultId: VAULT, reason: "membership-revoked" });
  assert.equal(watch.state.status, "catching-up", "the user may have been added again");
  socket.lastJoin.ack({ ok: false, code: "ACCESS_DENIED", message: "" });
  assert.deepEqual(watch.state, { status: "removed", reason: "membership-revoked" });

  const other = await openWatch(t, { after: 0 });
  other.socket.lastJoin.ack({ ok: true, vaultId: VAULT, left: "vault-deleted" });
  assert.deepEqual(other.watch.state, { status: "removed", reason: "vault-deleted" });
});

test("after a disconnect by the server and temporary rejections, the client reconnects by itself", async (t) => {
  const { socket, watch, states } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  let refusals = 2;
  socket.onConnect = () => (refusals-- > 0 ? socket.rejectConnection("UNAVAILABLE") : socket.acceptConnection());
  socket.disconnectByServer();
  await eventually(() => socket.connected, "reconnected");
  socket.acknowledgeJoin(0);
  assert.equal(watch.state.status, "live");
  const attempts = states.flatMap((state) => (state.status === "reconnecting" ? [state.attempt] : []));
  assert.deepEqual(attempts, [0, 1, 2, 3]);
});

test("after a disconnect by the application, the client stays disconnected until connect()", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, client, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  socket.disconnect();
  t.mock.timers.tick(60_000);
  assert.deepEqual([watch.state.status, socket.connects], ["reconnecting", 1]);
  client.connect();
  assert.deepEqual([socket.connects, socket.joins.length], [2, 2]);
});

test("without a session, the client stops until the user signs in", async (t) => {
  const { socket, client, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  socket.onConnect = () => socket.rejectConnection("UNAUTHORIZED");
  socket.disconnectByServer();
  await eventually(() => watch.state.status === "session-ended", "session-ended");
  const late = client.watch("another", { onEvent: () => {}, reload: () => Promise.resolve(0) });
  await eventually(() => late.state.status === "session-ended", "a watch that starts afterwards has the same state");
  late.close();
  socket.onConnect = () => socket.acceptConnection();
  client.connect();
  socket.acknowledgeJoin(0);
  assert.equal(watch.state.status, "live");
});

test("a closed client does not disconnect the application's own socket", async (t) => {
  const { socket, client } = await openWatch(t);
  client.close();
  assert.equal(socket.connected, true);
  assert.deepEqual([socket.eventNames(), socket.io.eventNames()], [[], []]);
});

test("when the browser reports that the network is back, the client reconnects at once", async (t) => {
  const platform = new EventTarget();
  const add = (type: string, listener: () => void) => platform.addEventListener(type, listener);
  const remove = (type: string, listener: () => void) => platform.removeEventListener(type, listener);
  Object.assign(globalThis, { addEventListener: add, removeEventListener: remove });
  t.after(() => Object.assign(globalThis, { addEventListener: undefined, removeEventListener: undefined }));
  const { socket, client } = await openWatch(t, { after: 0 });
  platform.dispatchEvent(new Event("online"));
  assert.equal(socket.connects, 1, "an open connection is kept");
  socket.dropConnection();
  platform.dispatchEvent(new Event("online"));
  assert.deepEqual([socket.connects, socket.joins.length], [2, 2]);
  socket.dropConnection();
  client.close();
  platform.dispatchEvent(new Event("online"));
  assert.equal(socket.connects, 2);
});

// Which events are delivered, with a fake server that repeats, omits and reorders messages.
import assert from "node:assert/strict";
import test from "node:test";
import { event, VAULT } from "./lib/fake-socket.js";
import { openWatch } from "./lib/fake-watch.js";
import { eventually } from "./lib/wait.js";

test("a duplicate event is dropped", async (t) => {
  const { socket, watch, events, seqs } = await openWatch(t, { after: 4 });
  socket.deliverEvents(5);
  socket.acknowledgeJoin(5);
  socket.deliverEvents(5, 6, 6, 5, 1, 7, 6);
  assert.deepEqual(seqs(), [5, 6, 7]);
  assert.deepEqual(watch.counters, { events: 3, duplicates: 5, gaps: 0, resyncs: 0 });
  assert.deepEqual(events[0], event(5));
});

test("a missing event is requested again, and no later event is delivered before it", async (t) => {
  const { socket, watch, seqs, states } = await openWatch(t, { after: 0 });
  socket.deliverEvents(1, 2);
  socket.acknowledgeJoin(2);
  socket.deliverEvents(4, 5);
  assert.deepEqual([seqs(), socket.joins.length, socket.lastJoin.after], [[1, 2], 2, 2]);
  socket.deliverEvents(3, 4, 5, 6);
  socket.acknowledgeJoin(6);
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(watch.counters, { events: 6, duplicates: 0, gaps: 1, resyncs: 0 });
  assert.deepEqual(
    states.map(({ status }) => status),
    ["connecting", "catching-up", "live", "catching-up", "live"],
  );
});

test("a backlog with a gap or without its end is requested again", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0 });
  socket.deliverEvents(1, 3);
  socket.acknowledgeJoin(4);
  assert.deepEqual([socket.lastJoin.after, watch.state.status], [1, "catching-up"]);
  socket.deliverEvents(2, 3);
  socket.acknowledgeJoin(4);
  // A repeated join is delayed.
  await eventually(() => socket.joins.length === 3, "a third join");
  assert.equal(socket.lastJoin.after, 3);
  socket.deliverEvents(4);
  socket.acknowledgeJoin(4);
  assert.deepEqual([seqs(), watch.counters.gaps, watch.state.status], [[1, 2, 3, 4], 2, "live"]);
});

test("more missing events do not postpone a join that is already scheduled", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  socket.deliverEvents(2);
  socket.deliverEvents(1, 2);
  socket.acknowledgeJoin(2);
  for (let at = 0; at < 20 && socket.joins.length === 2; at++) {
    socket.deliverEvents(4 + at);
    t.mock.timers.tick(20);
  }
  assert.deepEqual([socket.joins.length, socket.lastJoin.after, watch.counters.gaps], [3, 2, 2]);
});

test("the first join without a position starts where the server says, even if events overtake its answer", async (t) => {
  const { socket, watch, seqs } = await openWatch(t);
  assert.equal(socket.lastJoin.after, undefined);
  socket.emitFromServer("vault:joined", { vaultId: VAULT, role: "viewer", seq: 7 });
  socket.deliverEvents(8);
  socket.lastJoin.ack({ ok: true, vaultId: VAULT, role: "viewer", seq: 7 });
  assert.deepEqual([seqs(), watch.state], [[8], { status: "live", seq: 8, role: "viewer" }]);
  socket.dropConnection();
  socket.acceptConnection();
  assert.deepEqual(
    socket.joins.map(({ after }) => after),
    [undefined, 8],
  );
});

test("answers and buffered messages of an earlier connection are ignored", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0 });
  const staleJoin = socket.lastJoin;
  socket.dropConnection();
  socket.deliverEvents(1);
  socket.emitFromServer("vault:resync", { vaultId: VAULT, seq: 9 });
  socket.acceptConnection();
  staleJoin.ack({ ok: false, code: "ACCESS_DENIED", message: "Access denied to vault" });
  assert.equal(watch.state.status, "catching-up");
  socket.deliverEvents(1);
  socket.acknowledgeJoin(1);
  assert.deepEqual([seqs(), watch.state.status, watch.counters.resyncs], [[1], "live", 0]);
});

test("a replayed event reaches onReplay only and does not move the position", async (t) => {
  const { socket, watch, replays, seqs } = await openWatch(t, { after: 3 });
  socket.acknowledgeJoin(3);
  const { type, ...payload } = event(2);
  socket.emitFromServer(type, { ...payload, replay: "r1" });
  socket.emitFromServer(type, { ...event(4), replay: "r1" });
  assert.deepEqual([seqs(), watch.seq, watch.counters.duplicates, watch.counters.gaps], [[], 3, 0, 0]);
  assert.deepEqual(replays, [
    { ...event(2), replay: "r1" },
    { ...event(4), replay: "r1" },
  ]);
  socket.deliverEvents(4);
  assert.deepEqual(seqs(), [4]);
});

test("events of other vaults are ignored", async (t) => {
  const { socket, seqs, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  const { type, ...payload } = event(1, "another");
  socket.emitFromServer(type, payload);
  socket.emitFromServer("vault:left", { vaultId: "another", reason: "membership-revoked" });
  assert.deepEqual([seqs(), watch.state.status], [[], "live"]);
});

test("a resync before the answer to a join, with live events in between", async (t) => {
  let finish: (seq: number) => void = () => {};
  const reload = () => new Promise<number>((resolve) => (finish = resolve));
  const { socket, watch, seqs } = await openWatch(t, { after: 1, reload });
  socket.emitFromServer("vault:resync", { vaultId: VAULT, seq: 50 });
  socket.acknowledgeJoin(50);
  socket.deliverEvents(51, 52);
  assert.deepEqual([seqs(), watch.state.status, socket.joins.length], [[], "catching-up", 1]);
  // The client reconnects during the reload: it must not join before the reload has set the position.
  socket.dropConnection();
  socket.acceptConnection();
  assert.equal(socket.joins.length, 1);
  finish(51);
  await eventually(() => socket.joins.length === 2, "the join after the reload");
  assert.equal(socket.lastJoin.after, 51);
  socket.deliverEvents(52, 53);
  socket.acknowledgeJoin(53);
  assert.deepEqual([seqs(), watch.counters], [[52, 53], { events: 2, duplicates: 0, gaps: 0, resyncs: 1 }]);
});

test("a handler that throws loses no event, and the error is reported", async (t) => {
  const { socket, handlers, errors, watch } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  const seqs: number[] = [];
  handlers.onEvent = ({ seq }) => {
    seqs.push(seq);
    throw new Error(`at ${seq}`);
  };
  socket.deliverEvents(1, 2);
  await eventually(() => errors.length === 2, "both errors");
  assert.deepEqual([seqs, watch.state.status, socket.joins.length], [[1, 2], "live", 1]);
});

test("after a close within a handler, no handler is called again", async (t) => {
  const { socket, handlers, watch, events, states } = await openWatch(t, { after: 0 });
  socket.acknowledgeJoin(0);
  handlers.onEvent = (event) => {
    events.push(event);
    watch.close();
  };
  socket.deliverEvents(1, 2, 4);
  socket.dropConnection();
  socket.acceptConnection();
  assert.deepEqual(
    [events.length, states.at(-1), socket.left, socket.joins.length],
    [1, { status: "closed" }, [VAULT], 1],
  );
});

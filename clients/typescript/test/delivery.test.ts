// Which events are handed over, with a server that misbehaves as a real one does not on demand.
import assert from "node:assert/strict";
import test from "node:test";
import { event, VAULT } from "./lib/fake.js";
import { openWatch } from "./lib/fake-watch.js";
import { eventually } from "./lib/wait.js";

test("an event that comes again is dropped", async (t) => {
  const { socket, watch, events, seqs } = await openWatch(t, { after: 4 });
  socket.deliver(5);
  socket.admit(5);
  socket.deliver(5, 6, 6, 5, 1, 7, 6);
  assert.deepEqual(seqs(), [5, 6, 7]);
  assert.deepEqual(watch.counters, { events: 3, duplicates: 5, gaps: 0, resyncs: 0 });
  assert.deepEqual(events[0], event(5));
});

test("an event that is missing is asked for again, and nothing after it is handed over before", async (t) => {
  const { socket, watch, seqs, states } = await openWatch(t, { after: 0 });
  socket.deliver(1, 2);
  socket.admit(2);
  socket.deliver(4, 5);
  assert.deepEqual([seqs(), socket.joins.length, socket.join.after], [[1, 2], 2, 2]);
  socket.deliver(3, 4, 5, 6);
  socket.admit(6);
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(watch.counters, { events: 6, duplicates: 0, gaps: 1, resyncs: 0 });
  assert.deepEqual(
    states.map(({ status }) => status),
    ["connecting", "catching-up", "live", "catching-up", "live"],
  );
});

test("a backlog that lacks its end, or something within, is asked for again", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0 });
  socket.deliver(1, 3);
  socket.admit(4);
  assert.deepEqual([socket.join.after, watch.state.status], [1, "catching-up"]);
  socket.deliver(2, 3);
  socket.admit(4);
  // In a row it takes its time.
  await eventually(() => socket.joins.length === 3, "a third join");
  assert.equal(socket.join.after, 3);
  socket.deliver(4);
  socket.admit(4);
  assert.deepEqual([seqs(), watch.counters.gaps, watch.state.status], [[1, 2, 3, 4], 2, "live"]);
});

test("missing events in a row: the join that waits its turn is not put off by more events", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { socket, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  socket.deliver(2);
  socket.deliver(1, 2);
  socket.admit(2);
  for (let at = 0; at < 20 && socket.joins.length === 2; at++) {
    socket.deliver(4 + at);
    t.mock.timers.tick(20);
  }
  assert.deepEqual([socket.joins.length, socket.join.after, watch.counters.gaps], [3, 2, 2]);
});

test("the first join without a position begins where the server says, also if events overtake its answer", async (t) => {
  const { socket, watch, seqs } = await openWatch(t);
  assert.equal(socket.join.after, undefined);
  socket.says("vault:joined", { vaultId: VAULT, role: "viewer", seq: 7 });
  socket.deliver(8);
  socket.join.ack({ ok: true, vaultId: VAULT, role: "viewer", seq: 7 });
  assert.deepEqual([seqs(), watch.state], [[8], { status: "live", seq: 8, role: "viewer" }]);
  socket.lose();
  socket.open();
  assert.deepEqual(
    socket.joins.map(({ after }) => after),
    [undefined, 8],
  );
});

test("an answer of an earlier connection, and what socket.io kept of it, count for nothing", async (t) => {
  const { socket, watch, seqs } = await openWatch(t, { after: 0 });
  const stale = socket.join;
  socket.lose();
  socket.deliver(1);
  socket.says("vault:resync", { vaultId: VAULT, seq: 9 });
  socket.open();
  stale.ack({ ok: false, code: "ACCESS_DENIED", message: "Access denied to vault" });
  assert.equal(watch.state.status, "catching-up");
  socket.deliver(1);
  socket.admit(1);
  assert.deepEqual([seqs(), watch.state.status, watch.counters.resyncs], [[1], "live", 0]);
});

test("a replayed event goes its own way and moves no position", async (t) => {
  const { socket, watch, replays, seqs } = await openWatch(t, { after: 3 });
  socket.admit(3);
  const { type, ...payload } = event(2);
  socket.says(type, { ...payload, replay: "r1" });
  socket.says(type, { ...event(4), replay: "r1" });
  assert.deepEqual([seqs(), watch.seq, watch.counters.duplicates, watch.counters.gaps], [[], 3, 0, 0]);
  assert.deepEqual(replays, [
    { ...event(2), replay: "r1" },
    { ...event(4), replay: "r1" },
  ]);
  socket.deliver(4);
  assert.deepEqual(seqs(), [4]);
});

test("events of other vaults are not its own", async (t) => {
  const { socket, seqs, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  const { type, ...payload } = event(1, "another");
  socket.says(type, payload);
  socket.says("vault:left", { vaultId: "another", reason: "membership-revoked" });
  assert.deepEqual([seqs(), watch.state.status], [[], "live"]);
});

test("a resync before the answer of a join, with live events all along", async (t) => {
  let finish: (seq: number) => void = () => {};
  const reload = () => new Promise<number>((resolve) => (finish = resolve));
  const { socket, watch, seqs } = await openWatch(t, { after: 1, reload });
  socket.says("vault:resync", { vaultId: VAULT, seq: 50 });
  socket.admit(50);
  socket.deliver(51, 52);
  assert.deepEqual([seqs(), watch.state.status, socket.joins.length], [[], "catching-up", 1]);
  // The connection is lost and comes again while it reloads: it must not join before it knows from where.
  socket.lose();
  socket.open();
  assert.equal(socket.joins.length, 1);
  finish(51);
  await eventually(() => socket.joins.length === 2, "the join after the reload");
  assert.equal(socket.join.after, 51);
  socket.deliver(52, 53);
  socket.admit(53);
  assert.deepEqual([seqs(), watch.counters], [[52, 53], { events: 2, duplicates: 0, gaps: 0, resyncs: 1 }]);
});

test("a handler that throws loses no event, and is heard of", async (t) => {
  const { socket, handlers, errors, watch } = await openWatch(t, { after: 0 });
  socket.admit(0);
  const seen: number[] = [];
  handlers.onEvent = ({ seq }) => {
    seen.push(seq);
    throw new Error(`at ${seq}`);
  };
  socket.deliver(1, 2);
  await eventually(() => errors.length === 2, "both errors");
  assert.deepEqual([seen, watch.state.status, socket.joins.length], [[1, 2], "live", 1]);
});

test("closed from within a handler: no handler is called again", async (t) => {
  const { socket, handlers, watch, events, states } = await openWatch(t, { after: 0 });
  socket.admit(0);
  handlers.onEvent = (event) => {
    events.push(event);
    watch.close();
  };
  socket.deliver(1, 2, 4);
  socket.lose();
  socket.open();
  assert.deepEqual(
    [events.length, states.at(-1), socket.left, socket.joins.length],
    [1, { status: "closed" }, [VAULT], 1],
  );
});

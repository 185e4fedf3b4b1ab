// Server restarts and network failures: clients reconnect, and the log continues.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting } from "./lib/writers.mjs";

/** The promised time of an automatic reconnection, in milliseconds. */
const WITHIN_MS = 2000;
const RECONNECTING = { reconnection: true, reconnectionDelay: 250, reconnectionDelayMax: 500 };

async function open(t) {
  const world = await World.open({ users: ["owner"] });
  t.after(() => world.close());
  const vault = await world.vault();
  return { world, vault, owner: world.users.owner };
}

describe("restart", () => {
  for (const [signal, expected] of [
    ["SIGTERM", { code: 0, signal: null }],
    ["SIGKILL", { code: null, signal: "SIGKILL" }],
  ]) {
    test(`${signal} under load, then a new process on the same port: clients reconnect, and the log continues without a gap`, async (t) => {
      const { world, vault, owner } = await open(t);
      const clients = await Promise.all(
        [["polling"], ["websocket"]].map((transports) =>
          world.member(owner, vault.id, { transports, ...RECONNECTING }),
        ),
      );
      const acknowledged = [];
      const write = async () => {
        // Requests that run when the process exits fail. Only that error may be ignored.
        const answer = await owner
          .request("POST", `/api/vaults/${vault.id}/sources`, { title: "T", fileUrl: "https://example.test/" })
          .catch(() => null);
        if (answer?.status === 201) acknowledged.push(answer.seq);
      };
      const exit = await whileWriting(4, write, async () => {
        await clients[0].awaitSeq(vault.id, clients[0].joined.seq + 10);
        return world.server.end(signal);
      });
      assert.deepEqual(exit, expected);
      await Promise.all(clients.map((client) => client.waitFor(({ name }) => name === "disconnect", "the disconnect")));

      const head = await world.database.headSeq(vault.id);
      assertContiguous(
        (await world.database.log(vault.id)).map(({ seq }) => seq),
        1,
        head,
      );
      assert.ok(
        acknowledged.every((seq) => seq <= head),
        "every acknowledged event is in the log",
      );

      const offsets = clients.map((client) => client.received.length);
      const server = await world.startServer({ port: world.server.port });
      const readyAt = performance.now();
      assert.equal(server.port, world.server.port);
      for (const [i, client] of clients.entries()) {
        const { at } = await client.waitFor(({ name }) => name === "connect", "the reconnection", { from: offsets[i] });
        assert.ok(at - readyAt < WITHIN_MS, `reconnected after ${at - readyAt} ms`);
        assert.equal((await client.join(vault.id)).seq, head);
        offsets[i] = client.received.length;
      }
      const { seq } = await owner.createSource(vault.id, "After the restart");
      assert.equal(seq, head + 1);
      for (const client of clients) await client.awaitSeq(vault.id, seq);
    });
  }

  test("SIGTERM with idle clients exits immediately and disconnects them", async (t) => {
    const { world, vault, owner } = await open(t);
    const client = await world.member(owner, vault.id);
    assert.deepEqual(await world.server.end("SIGTERM"), { code: 0, signal: null });
    await client.waitFor(({ name }) => name === "disconnect", "the disconnect");
  });
});

describe("network interruption", () => {
  for (const transport of ["polling", "websocket"]) {
    test(`${transport}: the client reconnects within 2 seconds, joins, and receives events again`, async (t) => {
      const { world, vault, owner } = await open(t);
      const client = await world.member(owner, vault.id, { transports: [transport], ...RECONNECTING });
      await client.awaitSeq(vault.id, (await owner.createSource(vault.id, "Before")).seq);

      const from = client.received.length;
      const cutAt = performance.now();
      client.socket.io.engine.close();
      const missed = await owner.createSource(vault.id, "Meanwhile");
      const { at } = await client.waitFor(({ name }) => name === "connect", "the reconnection", { from });
      assert.ok(at - cutAt < WITHIN_MS, `reconnected after ${at - cutAt} ms`);

      assert.equal((await client.join(vault.id)).seq, missed.seq, "the join returns the head of the log");
      const { seq } = await owner.createSource(vault.id, "After");
      await client.awaitSeq(vault.id, seq);
    });
  }
});

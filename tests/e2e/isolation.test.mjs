// Room isolation (I6): a socket hears of the vaults it joined as a member, and of no other.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertContiguous, EVENT_TYPES, vaultIdOf } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";

let world, alice, bob, carol, red, blue;

before(async () => {
  world = await World.open({ users: ["alice", "bob", "carol"] });
  ({ alice, bob, carol } = world.users);
});
after(() => world?.close());

/** Two new vaults: alice and carol are in red, bob and carol are in blue. */
async function twoVaults() {
  red = await alice.createVault("Red");
  blue = await bob.createVault("Blue");
  await alice.addMember(red.id, carol.user, "contributor");
  await bob.addMember(blue.id, carol.user, "contributor");
}

/** Writes to both vaults at once, with every kind of source event; returns the last seq of each. */
async function writeToBoth(rounds = 5) {
  const write = async (user, vault) => {
    let seq;
    for (let i = 0; i < rounds; i++) {
      const source = await user.createSource(vault.id, `${vault.name} ${i}`);
      await user.updateSource(source.id, { title: `${vault.name} ${i}, revised` });
      ({ seq } = await user.deleteSource(source.id));
    }
    return seq;
  };
  const [redSeq, blueSeq] = await Promise.all([write(alice, red), write(bob, blue)]);
  return { red: redSeq, blue: blueSeq };
}

/** The vaults that a client has heard of through events of the log. */
const heardOf = (client) =>
  new Set(client.received.filter(({ name }) => EVENT_TYPES.includes(name)).map(({ data }) => vaultIdOf(data)));

describe("room isolation", () => {
  test("each room hears its own vault alone, and who joined both hears both", async () => {
    await twoVaults();
    const inRed = await world.member(alice, red.id);
    const inBlue = await world.member(bob, blue.id);
    const inBoth = await world.member(carol, red.id);
    const redFrom = inBoth.joined.seq;
    const { seq: blueFrom } = await inBoth.join(blue.id);

    const last = await writeToBoth();
    await Promise.all([
      inRed.awaitSeq(red.id, last.red),
      inBlue.awaitSeq(blue.id, last.blue),
      inBoth.awaitSeq(red.id, last.red),
      inBoth.awaitSeq(blue.id, last.blue),
    ]);

    assertContiguous(inRed.seqsOf(red.id), inRed.joined.seq + 1, last.red, "red's room");
    assertContiguous(inBlue.seqsOf(blue.id), inBlue.joined.seq + 1, last.blue, "blue's room");
    assertContiguous(inBoth.seqsOf(red.id), redFrom + 1, last.red, "both: red");
    assertContiguous(inBoth.seqsOf(blue.id), blueFrom + 1, last.blue, "both: blue");
    assert.deepEqual(heardOf(inRed), new Set([red.id]));
    assert.deepEqual(heardOf(inBlue), new Set([blue.id]));
  });

  test("who leaves one room hears the other alone, and hears again after joining again", async () => {
    await twoVaults();
    const witness = await world.member(alice, red.id);
    const client = await world.member(carol, red.id);
    const { seq: blueFrom } = await client.join(blue.id);

    assert.deepEqual(await client.leave(red.id), { vaultId: red.id });
    const last = await writeToBoth();
    await Promise.all([witness.awaitSeq(red.id, last.red), client.awaitSeq(blue.id, last.blue)]);
    // Red's events have been sent to red's room; an answered request on this socket comes after anything sent before it.
    await client.emitWithAck("vault:leave", red.id);
    assert.deepEqual(client.seqsOf(red.id), [], "nothing of the room that was left");
    assertContiguous(client.seqsOf(blue.id), blueFrom + 1, last.blue, "everything of the other");

    const { seq } = await client.join(red.id);
    assert.equal(seq, last.red);
    const next = await writeToBoth(1);
    await client.awaitSeq(red.id, next.red);
    assertContiguous(client.seqsOf(red.id), seq + 1, next.red);
  });

  test("a connected socket that joined nothing hears nothing", async () => {
    await twoVaults();
    const idle = await world.subscriber(carol);
    const witness = await world.member(alice, red.id);
    const last = await writeToBoth(1);
    await witness.awaitSeq(red.id, last.red);
    await idle.emitWithAck("vault:leave", red.id);
    assert.deepEqual(heardOf(idle), new Set());
  });

  test("joining a room twice does not double its events", async () => {
    await twoVaults();
    const client = await world.member(alice, red.id);
    const again = await client.join(red.id);
    assert.equal(again.seq, client.joined.seq);
    const last = await writeToBoth(2);
    await client.awaitSeq(red.id, last.red);
    await client.emitWithAck("vault:join", red.id);
    assertContiguous(client.seqsOf(red.id), again.seq + 1, last.red);
  });

  test("a refused join gives no event, and a removed member is refused", async () => {
    await twoVaults();
    const outsider = await world.subscriber(bob);
    assert.equal((await outsider.emitForError("vault:join", red.id)).message, "Access denied to vault");
    const witness = await world.member(alice, red.id);
    const last = await writeToBoth(1);
    await witness.awaitSeq(red.id, last.red);
    await outsider.emitWithAck("vault:leave", red.id);
    assert.deepEqual(outsider.eventsOf(red.id), []);

    await alice.expect(204, "DELETE", `/api/vaults/${red.id}/members/${carol.user.id}`);
    const removed = await world.subscriber(carol);
    assert.equal((await removed.emitForError("vault:join", red.id)).message, "Access denied to vault");
    await carol.expect(404, "GET", `/api/vaults/${red.id}`);
    await carol.expect(404, "GET", `/api/vaults/${red.id}/events`);
  });
});

// Room isolation (I6): a socket receives events only of the vaults that it joined as a member.
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

/** Creates two vaults: alice and carol are members of red, bob and carol of blue. */
async function createTwoVaults() {
  red = await alice.createVault("Red");
  blue = await bob.createVault("Blue");
  await alice.addMember(red.id, carol.user, "contributor");
  await bob.addMember(blue.id, carol.user, "contributor");
}

/** Writes every kind of source event to both vaults at once. Returns the last seq of each. */
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

/** The vaults from which a client has received log events. */
const receivedVaults = (client) =>
  new Set(client.received.filter(({ name }) => EVENT_TYPES.includes(name)).map(({ data }) => vaultIdOf(data)));

describe("room isolation", () => {
  test("each room receives only its own vault's events, and a client in both rooms receives both", async () => {
    await createTwoVaults();
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
    assert.deepEqual(receivedVaults(inRed), new Set([red.id]));
    assert.deepEqual(receivedVaults(inBlue), new Set([blue.id]));
  });

  test("a client that leaves one room receives only the other's events, until it joins again", async () => {
    await createTwoVaults();
    const witness = await world.member(alice, red.id);
    const client = await world.member(carol, red.id);
    const { seq: blueFrom } = await client.join(blue.id);

    assert.deepEqual(await client.leave(red.id), { vaultId: red.id });
    const last = await writeToBoth();
    await Promise.all([witness.awaitSeq(red.id, last.red), client.awaitSeq(blue.id, last.blue)]);
    // Red's events were sent to red's room. The response to a request arrives after everything that was sent before.
    await client.emitWithAck("vault:leave", red.id);
    assert.deepEqual(client.seqsOf(red.id), [], "no event of the room that the client left");
    assertContiguous(client.seqsOf(blue.id), blueFrom + 1, last.blue, "every event of the other room");

    const { seq } = await client.join(red.id);
    assert.equal(seq, last.red);
    const next = await writeToBoth(1);
    await client.awaitSeq(red.id, next.red);
    assertContiguous(client.seqsOf(red.id), seq + 1, next.red);
  });

  test("a connected socket that joined no room receives no events", async () => {
    await createTwoVaults();
    const idle = await world.subscriber(carol);
    const witness = await world.member(alice, red.id);
    const last = await writeToBoth(1);
    await witness.awaitSeq(red.id, last.red);
    await idle.emitWithAck("vault:leave", red.id);
    assert.deepEqual(receivedVaults(idle), new Set());
  });

  test("joining a room twice does not duplicate its events", async () => {
    await createTwoVaults();
    const client = await world.member(alice, red.id);
    const again = await client.join(red.id);
    assert.equal(again.seq, client.joined.seq);
    const last = await writeToBoth(2);
    await client.awaitSeq(red.id, last.red);
    await client.emitWithAck("vault:join", red.id);
    assertContiguous(client.seqsOf(red.id), again.seq + 1, last.red);
  });

  test("a rejected join brings no event, and a removed member is rejected", async () => {
    await createTwoVaults();
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

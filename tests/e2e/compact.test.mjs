// `outbox-worker compact`: the old part of a log becomes one snapshot; from there on everything is as before.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertEventsEqual } from "./lib/event-record.mjs";
import {
  assertRejectedUnchanged,
  assertVerifiesClean,
  runWorkerJson,
  runWorkerOk,
  tableDigests,
  WorkerProcess,
  waitForDisconnect,
  waitForLockWait,
} from "./lib/outbox-worker.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { assertContiguous, EVENT_TYPES } from "./lib/subscriber.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { listSources, writeVaultHistory } from "./lib/vault-history.mjs";
import { eventually } from "./lib/wait.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

let world, users, owner, database;
before(async () => {
  world = await openTwoNodes({ users: ["owner", "contributor", "viewer"] });
  ({ users, database } = world);
  owner = users.owner;
});
after(async () => {
  await world?.close();
  assertNoPanic(...(world?.servers ?? []));
});

const compact = (vault, cut, db = database) =>
  runWorkerJson(db, "compact", "--vault", vault.id, "--before", String(cut));
const logSeqs = async (vault) => (await database.log(vault.id)).map(({ seq }) => seq);

async function connectClient(server, rest = owner) {
  return world.defer(await BulkSubscriber.connect(server.url, rest), (client) => client.close());
}

/** The list of sources at each position of the log. */
async function album(vault) {
  const pages = [];
  for (let at = 0; at <= vault.head; at++) pages.push(await listSources(owner, vault.id, `?at=${at}`));
  return pages;
}

/** The first event of the story that is kept; everything in the story happens on both sides of it. */
const CUT = 9;

describe("after compact --before a seq", () => {
  let vault, pages, clients, newest, now;
  before(async () => {
    vault = await writeVaultHistory(users);
    pages = await album(vault);
    now = await listSources(owner, vault.id);
    clients = await joinOnBothNodes(world, owner, vault.id);
    newest = (await database.log(vault.id)).slice(CUT - 1);
    assert.deepEqual(await compact(vault, CUT), { vaultId: vault.id, snapshotSeq: CUT - 1, eventsReplaced: CUT - 1 });
  });

  test("the log begins with a snapshot, and what comes after is untouched", async () => {
    const [snapshot, ...rest] = await database.log(vault.id);
    assert.deepEqual([snapshot.seq, snapshot.type], [CUT - 1, "vault:snapshot"]);
    assert.deepEqual(rest, newest);
    assert.equal(await database.headSeq(vault.id), vault.head);
  });

  test("verify and rebuild agree with it, and a rebuild mends from it", async () => {
    await assertVerifiesClean(database, "--vault", vault.id);
    assert.equal((await runWorkerJson(database, "rebuild", "--vault", vault.id)).rowsChanged, 0);
    const good = await tableDigests(database, { vault: vault.id });
    await database.rows("DELETE FROM sources WHERE vault_id = $1", [vault.id]);
    await database.rows("DELETE FROM vault_users WHERE vault_id = $1", [vault.id]);
    await database.rows("UPDATE vaults SET name = 'Forged', created_at = now() WHERE id = $1", [vault.id]);
    await runWorkerOk(database, "rebuild", "--vault", vault.id);
    assert.deepEqual(await tableDigests(database, { vault: vault.id }), good);
    await assertVerifiesClean(database, "--vault", vault.id);
    assert.deepEqual(await listSources(owner, vault.id), now);
  });

  test("`at` from the cut on is as it was, and below it 410 COMPACTED", async () => {
    for (let at = CUT - 1; at <= vault.head; at++) {
      assert.deepEqual(await listSources(owner, vault.id, `?at=${at}`), pages[at], `at ${at}`);
    }
    for (const at of [0, 1, CUT - 2]) {
      const answer = await owner.expect(410, "GET", `/api/vaults/${vault.id}/sources?at=${at}`);
      assert.equal(answer.body.code, "COMPACTED");
      assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
    }
  });

  test("a join from the cut on catches up, on both nodes", async () => {
    for (const server of world.servers) {
      for (const from of [CUT - 1, CUT, vault.head - 1, vault.head]) {
        const client = await connectClient(server);
        const { seq } = await client.join(vault.id, from);
        assert.equal(seq, vault.head);
        assert.equal(client.latest["vault:resync"], undefined);
        assertContiguous(
          client.eventsOf(vault.id).map((event) => event.seq),
          from + 1,
          vault.head,
        );
      }
    }
  });

  test("a join from before the cut is told vault:resync, then it is live", async () => {
    for (const server of world.servers) {
      for (const from of [0, 1, CUT - 2]) {
        const client = await connectClient(server);
        const { seq } = await client.join(vault.id, from);
        assert.deepEqual([client.latest["vault:resync"], seq], [{ vaultId: vault.id, seq: vault.head }, vault.head]);
        assert.deepEqual(client.eventsOf(vault.id), []);
      }
    }
  });

  test("the list of events begins at the snapshot", async () => {
    const events = async (from) =>
      (await owner.expect(200, "GET", `/api/vaults/${vault.id}/events?after=${from}`)).body;
    const { events: kept } = await events(CUT - 1);
    assertContiguous(
      kept.map(({ seq }) => seq),
      CUT,
      vault.head,
    );
    const { events: all } = await events(0);
    assert.deepEqual([all[0].seq, all[0].type], [CUT - 1, "vault:snapshot"]);
    assertContiguous(
      all.map(({ seq }) => seq),
      CUT - 1,
      vault.head,
    );
  });

  test("the history of a source begins at the cut, and a source that is there has one", async () => {
    const history = async (source) => (await owner.expect(200, "GET", `/api/sources/${source.id}/history`)).body.events;
    const { changed, last, kept } = vault.sources;
    const told = (await history(changed)).filter(({ type }) => type.startsWith("source:"));
    assert.deepEqual(
      told.map(({ seq }) => seq),
      [CUT],
      "the one change after the cut",
    );
    assert.equal((await history(last)).length, 1);
    // Nothing has happened to this one since the cut, and it is there.
    assert.deepEqual(
      (await history(kept)).filter(({ type }) => type.startsWith("source:")),
      [],
    );
  });

  test("a replay sends the events that were kept", async () => {
    const [member] = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(database, "replay", "--vault", vault.id, "--rate", "400");
    const { seq } = await owner.createSource(vault.id, "Passing");
    await member.awaitSeq(vault.id, seq);
    const replayed = member.received.filter(({ data }) => data?.replay);
    for (const { name } of replayed) assert.ok(EVENT_TYPES.includes(name), `${name} is no event that clients know`);
    assertContiguous(
      replayed.map(({ data }) => data.seq),
      CUT,
      vault.head,
    );
  });

  test("members who were there all the time noticed nothing", async () => {
    const { seq } = await owner.createSource(vault.id, "After");
    for (const client of clients) {
      await client.awaitSeq(vault.id, seq);
      assertContiguous(live(client), client.joined.seq + 1, seq);
      assert.ok(!client.received.some(({ name }) => /resync|disconnect|left/.test(name)));
    }
  });
  const live = (client) =>
    client
      .eventsOf(vault.id)
      .filter(({ data }) => !data.replay)
      .map(({ data }) => data.seq);
});

describe("where the cut may be", () => {
  test("a time, and a day: the events from before it go", async () => {
    const vault = await writeVaultHistory(users);
    await database.rows(
      "UPDATE outbox SET created_at = created_at - interval '10 days' WHERE vault_id = $1 AND seq < 6",
      [vault.id],
    );
    const day = new Date(Date.now() - 5 * 24 * 3600 * 1000).toISOString();
    assert.equal((await compact(vault, day)).snapshotSeq, 5);
    await assertVerifiesClean(database, "--vault", vault.id);
    // Nothing is older than that any more but the snapshot, which is new.
    const again = ["compact", "--vault", vault.id, "--before", day.slice(0, 10)];
    await assertRejectedUnchanged(database, again, /nothing was changed/, { vault: vault.id });
  });

  test("as far as the head: nothing is left but the snapshot, and the vault lives on", async () => {
    const vault = await writeVaultHistory(users);
    const clients = await joinOnBothNodes(world, owner, vault.id);
    assert.equal((await compact(vault, vault.head + 1)).eventsReplaced, vault.head);
    assert.deepEqual(await logSeqs(vault), [vault.head]);
    await assertVerifiesClean(database, "--vault", vault.id);
    await owner.updateSource(vault.sources.kept.id, { title: "After" });
    for (const client of clients) {
      await client.awaitSeq(vault.id, vault.head + 1);
      assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, vault.head + 1);
    }
    await assertVerifiesClean(database, "--vault", vault.id);
  });

  test("the first event alone, then further, then the same once more", async () => {
    const vault = await writeVaultHistory(users);
    const now = await listSources(owner, vault.id);
    for (const [cut, replaced] of [
      [2, 1],
      [5, 4],
      [5, 1],
      [vault.head, vault.head - 4],
    ]) {
      assert.equal((await compact(vault, cut)).eventsReplaced, replaced, `before ${cut}`);
      await assertVerifiesClean(database, "--vault", vault.id);
      assert.equal((await runWorkerJson(database, "rebuild", "--vault", vault.id)).rowsChanged, 0);
      assert.deepEqual(await listSources(owner, vault.id), now);
    }
  });

  test("a vault that was deleted", async () => {
    const vault = await writeVaultHistory(users);
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
    const deleted = await tableDigests(database, { vault: vault.id });
    await compact(vault, 4);
    await assertVerifiesClean(database, "--vault", vault.id);
    await compact(vault, vault.head + 2);
    await assertVerifiesClean(database, "--vault", vault.id);
    assert.equal((await runWorkerJson(database, "rebuild", "--vault", vault.id)).rowsChanged, 0, "it stays deleted");
    assert.equal((await tableDigests(database, { vault: vault.id })).vaults, deleted.vaults);
  });

  test("a large one", async () => {
    const vault = await owner.createVault("Large");
    vault.head = await appendEvents(database, { vaultId: vault.id, actor: owner.user, count: 3000 });
    assert.equal((await compact(vault, 2500)).eventsReplaced, 2499);
    await assertVerifiesClean(database, "--vault", vault.id);
    const client = await connectClient(world.servers[1]);
    await client.join(vault.id, 2499);
    const [, ...kept] = await database.log(vault.id);
    assert.equal(kept.length, vault.head - 2499);
    assertEventsEqual(client.eventsOf(vault.id), kept, "what it caught up with");
  });
});

describe("while the system is in use", () => {
  test("members on both nodes miss nothing while writers go on, however often it is done", async () => {
    const vault = await writeVaultHistory(users);
    const clients = await joinOnBothNodes(world, owner, vault.id);
    const rests = world.servers.map((server) => owner.at(server));
    const write = (i) => writeSources(rests[i % 2], vault.id, 3);
    await whileWriting(4, write, async () => {
      for (let round = 1; round <= 6; round++) {
        await clients[0].awaitSeq(vault.id, vault.head + 10 * round);
        // Close behind the head: the relays may not have emitted it yet.
        await compact(vault, (await database.headSeq(vault.id)) - (round % 3));
        await assertVerifiesClean(database, "--vault", vault.id);
      }
    });
    const head = await database.headSeq(vault.id);
    for (const client of clients) {
      const resumed = () => client.received.some(({ name }) => name === "disconnect");
      await client.waitFor(({ name, data }) => name === "disconnect" || data?.seq === head, "the last event");
      // A node that was behind the cut closes its sockets, so that they resume; it never leaves an event out.
      const seqs = client.seqsOf(vault.id);
      assertContiguous(seqs, client.joined.seq + 1, resumed() ? (seqs.at(-1) ?? client.joined.seq) : head);
    }
  });

  test("clients that join from the start meanwhile get the whole log, or a resync: never a silent hole", async () => {
    const vault = await owner.createVault("Joined");
    await appendEvents(database, { vaultId: vault.id, actor: owner.user, count: 3000 });
    let caughtUp = 0;
    let resynced = 0;
    const join = async (i) => {
      const client = await BulkSubscriber.connect(world.servers[i % 2].url, owner);
      try {
        const { seq } = await client.join(vault.id, 0);
        const seqs = client.eventsOf(vault.id).map((event) => event.seq);
        if (client.latest["vault:resync"]) {
          resynced++;
          const at = client.latest["vault:resync"].seq;
          const before = seqs.filter((known) => known <= at);
          assertContiguous(before, 1, before.length, "before the resync");
          assertContiguous(seqs.slice(before.length), at + 1, Math.max(seq, seqs.at(-1) ?? 0), "after it");
        } else {
          caughtUp++;
          assertContiguous(seqs, 1, Math.max(seq, seqs.at(-1)));
        }
      } finally {
        client.close();
      }
    };
    await whileWriting(4, join, async () => {
      const writing = (enough, what) =>
        eventually(async () => {
          await owner.createSource(vault.id, "Meanwhile");
          return enough();
        }, what);
      await writing(() => caughtUp >= 4, "clients that caught up");
      for (const cut of [500, 1500, 2900]) await compact(vault, cut);
      const before = resynced;
      await writing(() => resynced >= before + 4, "clients that were told vault:resync");
    });
    await assertVerifiesClean(database, "--vault", vault.id);
  });

  test("SIGKILL in the middle: all of it or nothing, the vault is free again, and it can be run again", async (t) => {
    const vault = await writeVaultHistory(users);
    const clients = await joinOnBothNodes(world, owner, vault.id);
    const before = await tableDigests(database, { vault: vault.id });
    // The snapshot can be made, and one of the events it replaces cannot be removed: the tool waits halfway.
    const holder = await database.connection();
    t.after(() => holder.end());
    await holder.query("BEGIN");
    await holder.query("SELECT FROM outbox WHERE vault_id = $1 AND seq = 4 FOR UPDATE", [vault.id]);
    const operation = new WorkerProcess(database, ["compact", "--vault", vault.id, "--before", String(CUT)]);
    await waitForLockWait(database);
    assert.deepEqual(await tableDigests(database, { vault: vault.id }), before, "nothing is to be seen of it yet");
    await operation.kill();
    await holder.query("ROLLBACK");
    await waitForDisconnect(database);

    const after = await tableDigests(database, { vault: vault.id });
    const seqs = await logSeqs(vault);
    if (after.outbox === before.outbox) assertContiguous(seqs, 1, vault.head);
    else assertContiguous(seqs, CUT - 1, vault.head);
    assert.deepEqual({ ...after, outbox: null }, { ...before, outbox: null }, "the projection is as it was");
    await assertVerifiesClean(database, "--vault", vault.id);
    const { seq } = await owner.createSource(vault.id, "After the kill");
    for (const client of clients) {
      await client.awaitSeq(vault.id, seq);
      assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, seq);
    }
    assert.equal((await compact(vault, CUT)).snapshotSeq, CUT - 1);
    await assertVerifiesClean(database, "--vault", vault.id);
  });

  test("it waits for a writer that is at it, and the writer is not harmed", async (t) => {
    const vault = await writeVaultHistory(users);
    const writer = await database.connection();
    t.after(() => writer.end());
    await writer.query("BEGIN");
    await writer.query("SELECT vault_update($1, $2, 'By hand')", [vault.id, owner.user.id]);
    const operation = new WorkerProcess(database, ["compact", "--vault", vault.id, "--before", "5"]);
    await waitForLockWait(database);
    await writer.query("COMMIT");
    assert.equal((await operation.end()).code, 0);
    await assertVerifiesClean(database, "--vault", vault.id);
    await owner.expect(201, "POST", `/api/vaults/${vault.id}/sources`, newSource());
  });
});

describe("bad input: one sentence, and nothing changed", () => {
  let vault;
  before(async () => {
    vault = await writeVaultHistory(users);
  });
  for (const before of ["0", "1", "-3", "1000", "tomorrow", "2026-13-01", "1.5", "2001-01-01"]) {
    test(`--before ${before}`, () =>
      assertRejectedUnchanged(database, ["compact", "--vault", vault.id, `--before=${before}`], /--before/, {
        vault: vault.id,
      }));
  }

  test("below an earlier cut", async () => {
    await compact(vault, 8);
    await assertRejectedUnchanged(database, ["compact", "--vault", vault.id, "--before", "5"], /--before 5/, {
      vault: vault.id,
    });
  });
});

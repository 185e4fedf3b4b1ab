// `outbox-worker compact`: the old part of a log is replaced by one snapshot; everything after it stays the same.
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

/** Reads the list of sources at each position of the log. */
async function listsByPosition(vault) {
  const pages = [];
  for (let at = 0; at <= vault.head; at++) pages.push(await listSources(owner, vault.id, `?at=${at}`));
  return pages;
}

/** The first event that is kept. Every kind of change happens on both sides of it. */
const CUT = 9;

describe("after compact --before a seq", () => {
  let vault, pages, clients, newest, now;
  before(async () => {
    vault = await writeVaultHistory(users);
    pages = await listsByPosition(vault);
    now = await listSources(owner, vault.id);
    clients = await joinOnBothNodes(world, owner, vault.id);
    newest = (await database.log(vault.id)).slice(CUT - 1);
    assert.deepEqual(await compact(vault, CUT), { vaultId: vault.id, snapshotSeq: CUT - 1, eventsReplaced: CUT - 1 });
  });

  test("the log starts with a snapshot, and the later events are unchanged", async () => {
    const [snapshot, ...rest] = await database.log(vault.id);
    assert.deepEqual([snapshot.seq, snapshot.type], [CUT - 1, "vault:snapshot"]);
    assert.deepEqual(rest, newest);
    assert.equal(await database.headSeq(vault.id), vault.head);
  });

  test("verify and rebuild accept the snapshot, and rebuild can repair tables from it", async () => {
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

  test("`at` gives the same lists from the cut on, and 410 COMPACTED below it", async () => {
    for (let at = CUT - 1; at <= vault.head; at++) {
      assert.deepEqual(await listSources(owner, vault.id, `?at=${at}`), pages[at], `at ${at}`);
    }
    for (const at of [0, 1, CUT - 2]) {
      const answer = await owner.expect(410, "GET", `/api/vaults/${vault.id}/sources?at=${at}`);
      assert.equal(answer.body.code, "COMPACTED");
      assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
    }
  });

  test("a join after a seq from the cut on catches up, on both nodes", async () => {
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

  test("a join after a seq before the cut gets vault:resync, then it is live", async () => {
    for (const server of world.servers) {
      for (const from of [0, 1, CUT - 2]) {
        const client = await connectClient(server);
        const { seq } = await client.join(vault.id, from);
        assert.deepEqual([client.latest["vault:resync"], seq], [{ vaultId: vault.id, seq: vault.head }, vault.head]);
        assert.deepEqual(client.eventsOf(vault.id), []);
      }
    }
  });

  test("the list of events starts at the snapshot", async () => {
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

  test("the history of a source starts at the cut, and every existing source has a history", async () => {
    const history = async (source) => (await owner.expect(200, "GET", `/api/sources/${source.id}/history`)).body.events;
    const { changed, last, kept } = vault.sources;
    const sourceEvents = (await history(changed)).filter(({ type }) => type.startsWith("source:"));
    assert.deepEqual(
      sourceEvents.map(({ seq }) => seq),
      [CUT],
      "the one change after the cut",
    );
    assert.equal((await history(last)).length, 1);
    // This source exists but has not changed since the cut.
    assert.deepEqual(
      (await history(kept)).filter(({ type }) => type.startsWith("source:")),
      [],
    );
  });

  test("a replay sends the remaining events", async () => {
    const [member] = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(database, "replay", "--vault", vault.id, "--rate", "400");
    const { seq } = await owner.createSource(vault.id, "Passing");
    await member.awaitSeq(vault.id, seq);
    const replayed = member.received.filter(({ data }) => data?.replay);
    for (const { name } of replayed) assert.ok(EVENT_TYPES.includes(name), `clients do not know the event ${name}`);
    assertContiguous(
      replayed.map(({ data }) => data.seq),
      CUT,
      vault.head,
    );
  });

  test("members who stayed connected did not notice the compaction", async () => {
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

describe("valid cuts", () => {
  test("a time and a date: the events before it are replaced", async () => {
    const vault = await writeVaultHistory(users);
    await database.rows(
      "UPDATE outbox SET created_at = created_at - interval '10 days' WHERE vault_id = $1 AND seq < 6",
      [vault.id],
    );
    const day = new Date(Date.now() - 5 * 24 * 3600 * 1000).toISOString();
    assert.equal((await compact(vault, day)).snapshotSeq, 5);
    await assertVerifiesClean(database, "--vault", vault.id);
    // Nothing is older than this date now: even the snapshot is new.
    const again = ["compact", "--vault", vault.id, "--before", day.slice(0, 10)];
    await assertRejectedUnchanged(database, again, /nothing was changed/, { vault: vault.id });
  });

  test("up to the head: only the snapshot remains, and the vault stays usable", async () => {
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

  test("the first event alone, then further, then the same cut again", async () => {
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

  test("a deleted vault", async () => {
    const vault = await writeVaultHistory(users);
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
    const deleted = await tableDigests(database, { vault: vault.id });
    await compact(vault, 4);
    await assertVerifiesClean(database, "--vault", vault.id);
    await compact(vault, vault.head + 2);
    await assertVerifiesClean(database, "--vault", vault.id);
    assert.equal(
      (await runWorkerJson(database, "rebuild", "--vault", vault.id)).rowsChanged,
      0,
      "the vault stays deleted",
    );
    assert.equal((await tableDigests(database, { vault: vault.id })).vaults, deleted.vaults);
  });

  test("a large vault", async () => {
    const vault = await owner.createVault("Large");
    vault.head = await appendEvents(database, { vaultId: vault.id, actor: owner.user, count: 3000 });
    assert.equal((await compact(vault, 2500)).eventsReplaced, 2499);
    await assertVerifiesClean(database, "--vault", vault.id);
    const client = await connectClient(world.servers[1]);
    await client.join(vault.id, 2499);
    const [, ...kept] = await database.log(vault.id);
    assert.equal(kept.length, vault.head - 2499);
    assertEventsEqual(client.eventsOf(vault.id), kept, "the backlog");
  });
});

describe("on a live system", () => {
  test("members on both nodes miss nothing while writers continue, even after repeated compactions", async () => {
    const vault = await writeVaultHistory(users);
    const clients = await joinOnBothNodes(world, owner, vault.id);
    const rests = world.servers.map((server) => owner.at(server));
    const write = (i) => writeSources(rests[i % 2], vault.id, 3);
    await whileWriting(4, write, async () => {
      for (let round = 1; round <= 6; round++) {
        await clients[0].awaitSeq(vault.id, vault.head + 10 * round);
        // Just below the head: the relays may not have emitted these events yet.
        await compact(vault, (await database.headSeq(vault.id)) - (round % 3));
        await assertVerifiesClean(database, "--vault", vault.id);
      }
    });
    const head = await database.headSeq(vault.id);
    for (const client of clients) {
      const resumed = () => client.received.some(({ name }) => name === "disconnect");
      await client.waitFor(({ name, data }) => name === "disconnect" || data?.seq === head, "the last event");
      // A node whose position was before the cut closes its sockets, so that they resume. It never skips an event.
      const seqs = client.seqsOf(vault.id);
      assertContiguous(seqs, client.joined.seq + 1, resumed() ? (seqs.at(-1) ?? client.joined.seq) : head);
    }
  });

  test("clients that join from the start during compactions get the whole log or a resync, never a silent gap", async () => {
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
          assertContiguous(seqs.slice(before.length), at + 1, Math.max(seq, seqs.at(-1) ?? 0), "after the resync");
        } else {
          caughtUp++;
          assertContiguous(seqs, 1, Math.max(seq, seqs.at(-1)));
        }
      } finally {
        client.close();
      }
    };
    await whileWriting(4, join, async () => {
      const writeUntil = (enough, what) =>
        eventually(async () => {
          await owner.createSource(vault.id, "Meanwhile");
          return enough();
        }, what);
      await writeUntil(() => caughtUp >= 4, "clients that caught up");
      for (const cut of [500, 1500, 2900]) await compact(vault, cut);
      const before = resynced;
      await writeUntil(() => resynced >= before + 4, "clients that got vault:resync");
    });
    await assertVerifiesClean(database, "--vault", vault.id);
  });

  test("SIGKILL in the middle: all or nothing, the vault is unlocked, and the command can run again", async (t) => {
    const vault = await writeVaultHistory(users);
    const clients = await joinOnBothNodes(world, owner, vault.id);
    const before = await tableDigests(database, { vault: vault.id });
    // The tool can write the snapshot but not delete one of the replaced events, so it waits halfway.
    const holder = await database.connection();
    t.after(() => holder.end());
    await holder.query("BEGIN");
    await holder.query("SELECT FROM outbox WHERE vault_id = $1 AND seq = 4 FOR UPDATE", [vault.id]);
    const operation = new WorkerProcess(database, ["compact", "--vault", vault.id, "--before", String(CUT)]);
    await waitForLockWait(database);
    assert.deepEqual(await tableDigests(database, { vault: vault.id }), before, "no change is visible yet");
    await operation.kill();
    await holder.query("ROLLBACK");
    await waitForDisconnect(database);

    const after = await tableDigests(database, { vault: vault.id });
    const seqs = await logSeqs(vault);
    if (after.outbox === before.outbox) assertContiguous(seqs, 1, vault.head);
    else assertContiguous(seqs, CUT - 1, vault.head);
    assert.deepEqual({ ...after, outbox: null }, { ...before, outbox: null }, "the projection is unchanged");
    await assertVerifiesClean(database, "--vault", vault.id);
    const { seq } = await owner.createSource(vault.id, "After the kill");
    for (const client of clients) {
      await client.awaitSeq(vault.id, seq);
      assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, seq);
    }
    assert.equal((await compact(vault, CUT)).snapshotSeq, CUT - 1);
    await assertVerifiesClean(database, "--vault", vault.id);
  });

  test("compact waits for a running writer, and the writer succeeds", async (t) => {
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

describe("invalid input: one sentence and no change", () => {
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

  test("a cut below an earlier cut", async () => {
    await compact(vault, 8);
    await assertRejectedUnchanged(database, ["compact", "--vault", vault.id, "--before", "5"], /--before 5/, {
      vault: vault.id,
    });
  });
});

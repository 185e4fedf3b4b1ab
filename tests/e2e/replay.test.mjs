// `outbox-worker replay` and `replays`: resend stored events, marked as replayed, to the live members on every node.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertRejectedUnchanged, runWorkerJson, runWorkerOk, WorkerProcess } from "./lib/outbox-worker.mjs";
import { run } from "./lib/process.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import {
  createVaultWith,
  findReplay,
  isReplay,
  liveEvents,
  replayedEvents,
  seqsOf,
  waitForReplayed,
  waitForRunning,
} from "./lib/replays.mjs";
import { OUTBOX_WORKER_BIN } from "./lib/settings.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { requireTool } from "./lib/tools.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { writeVaultHistory } from "./lib/vault-history.mjs";
import { eventually } from "./lib/wait.mjs";
import { whileWriting } from "./lib/writers.mjs";

let world, users, owner, viewer;
before(async () => {
  world = await openTwoNodes({ users: ["owner", "contributor", "viewer"] });
  users = world.users;
  ({ owner, viewer } = users);
});
after(async () => {
  await world?.close();
  assertNoPanic(...(world?.servers ?? []));
});

/** Waits until every client has a new live event. Everything that was sent before it has arrived then. */
async function flush(vaultId, clients) {
  const { seq } = await owner.createSource(vaultId, "Marker");
  await Promise.all(clients.map((client) => client.awaitSeq(vaultId, seq)));
}

describe("replayed events", () => {
  test("the whole log reaches the members on both nodes in order, unchanged except for `replay`", async () => {
    const vault = await writeVaultHistory(users);
    const other = await owner.createVault("Another");
    const [members, elsewhere] = await Promise.all([
      Promise.all([joinOnBothNodes(world, owner, vault.id), joinOnBothNodes(world, viewer, vault.id)]).then((m) =>
        m.flat(),
      ),
      joinOnBothNodes(world, owner, other.id),
    ]);
    const { id, ...outcome } = await runWorkerJson(world.database, "replay", "--vault", vault.id, "--rate", "200/s");
    assert.deepEqual(outcome, { state: "done", from: 1, to: vault.head });

    const log = await world.database.log(vault.id);
    assert.equal(log.length, vault.head);
    await flush(vault.id, members);
    for (const member of members) {
      const events = replayedEvents(member, vault.id);
      assertContiguous(seqsOf(events), 1, vault.head);
      for (const [i, { type, payload }] of log.entries()) {
        assert.equal(events[i].name, type);
        assert.deepEqual(events[i].data, { ...JSON.parse(payload), replay: id });
        // The exact stored text, with one additional field at its end.
        const frame = `2["${type}",${payload.slice(0, -1)},"replay":"${id}"}]`;
        assert.ok(member.frames.includes(frame), frame);
      }
    }
    await flush(other.id, elsewhere);
    for (const client of elsewhere)
      assert.deepEqual(client.received.filter(isReplay), [], "clients outside the room get no replayed event");
  });

  test("--from and --to are inclusive; without them the whole log is sent", async () => {
    const vault = await createVaultWith(world, owner, 12);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const replay = (...args) => runWorkerJson(world.database, "replay", "--vault", vault.id, "--rate", "400", ...args);
    const ids = {};
    for (const args of [
      ["--from", "4", "--to", "6"],
      ["--from", "11"],
      ["--to", "2"],
      ["--from", "5", "--to", "5"],
    ]) {
      ids[args.join(" ")] = (await replay(...args)).id;
    }
    await flush(vault.id, members);
    const sent = { "--from 4 --to 6": [4, 5, 6], "--from 11": [11, 12], "--to 2": [1, 2], "--from 5 --to 5": [5] };
    for (const member of members) {
      for (const [args, id] of Object.entries(ids)) {
        assert.deepEqual(
          seqsOf(replayedEvents(member, vault.id).filter(({ data }) => data.replay === id)),
          sent[args],
          args,
        );
      }
    }
  });

  test("--type", async () => {
    const vault = await writeVaultHistory(users);
    const members = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--type", "member:added", "--rate", "400");
    const log = await world.database.log(vault.id);
    const added = log.filter(({ type }) => type === "member:added").map(({ seq }) => seq);
    assert.equal(added.length, 3);
    await flush(vault.id, members);
    for (const member of members) assert.deepEqual(seqsOf(replayedEvents(member, vault.id)), added);
  });

  test("--user: all sockets of that user on both nodes, and no others", async () => {
    const vault = await writeVaultHistory(users);
    const targets = (await Promise.all([1, 2].map(() => joinOnBothNodes(world, viewer, vault.id)))).flat();
    const others = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--user", viewer.user.id, "--rate", "400");
    await flush(vault.id, [...targets, ...others]);
    for (const member of targets) assertContiguous(seqsOf(replayedEvents(member, vault.id)), 1, vault.head);
    for (const member of others) assert.deepEqual(seqsOf(replayedEvents(member, vault.id)), []);
  });

  test("a replayed removal removes nobody, and the members' positions do not change", async () => {
    const vault = await writeVaultHistory(users);
    const [member] = await joinOnBothNodes(world, viewer, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", "400");
    await flush(vault.id, [member]);
    assert.ok(
      replayedEvents(member, vault.id).some(
        ({ name, data }) => name === "member:removed" && data.userId === viewer.user.id,
      ),
    );
    assert.ok(!member.received.some(({ name }) => name === "vault:left"));
    assertContiguous(seqsOf(liveEvents(member, vault.id)), member.joined.seq + 1, vault.head + 1);
  });
});

describe("rate", () => {
  // Returns the seconds from the first to the last replayed event at a member.
  async function measureReplay(count, rate) {
    const vault = await createVaultWith(world, owner, count);
    const [member] = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", rate);
    await flush(vault.id, [member]);
    const events = replayedEvents(member, vault.id);
    assertContiguous(seqsOf(events), 1, count);
    return (events.at(-1).at - events[0].at) / 1000;
  }

  test("--rate 20/s", async () => {
    const seconds = await measureReplay(60, "20/s");
    assert.ok(seconds > 2.2, `60 events at 20/s took ${seconds} s instead of 3`);
  });

  test("--rate 2: slower than the servers' polling interval", async () => {
    const seconds = await measureReplay(7, "2");
    assert.ok(seconds > 2.4, `7 events at 2/s took ${seconds} s instead of 3`);
  });

  for (const transport of ["websocket", "polling"]) {
    test(`the highest rate does not close a socket that keeps up, by ${transport}`, async () => {
      const vault = await createVaultWith(world, owner, 3000);
      const members = await joinOnBothNodes(world, owner, vault.id, { transports: [transport] });
      await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", "4000");
      for (const member of members) {
        // vault:joined has seq 3000 too, so the event must be a replayed one.
        const isLast = (event) => event.name === "disconnect" || (isReplay(event) && event.data.seq === 3000);
        await member.waitFor(isLast, "the last replayed event");
        const closed = member.received.some(({ name }) => name === "disconnect");
        assert.ok(!closed, `closed after ${replayedEvents(member, vault.id).length} events`);
        assertContiguous(seqsOf(replayedEvents(member, vault.id)), 1, 3000);
      }
    });
  }

  test("live events still arrive in order during a replay", async () => {
    const vault = await createVaultWith(world, owner, 400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "100", "--json"]);
    await waitForRunning(world, vault.id);
    let last = 0;
    // Each event must arrive at both nodes before the next write, so a live event delayed by the replay is detected.
    const write = async () => {
      const { seq } = await owner.createSource(vault.id, "Live");
      await Promise.all(members.map((member) => member.awaitSeq(vault.id, seq)));
      last = Math.max(last, seq);
    };
    const { code, stdout } = await whileWriting(2, write, () => operation.end());
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).state, "done");
    await flush(vault.id, members);
    for (const member of members) {
      assertContiguous(seqsOf(liveEvents(member, vault.id)), member.joined.seq + 1, last + 1, "the live events");
      assertContiguous(seqsOf(replayedEvents(member, vault.id)), 1, 400, "the replayed events");
      const [first, final] = [replayedEvents(member, vault.id)[0], replayedEvents(member, vault.id).at(-1)];
      const between = liveEvents(member, vault.id).filter(({ at }) => at > first.at && at < final.at);
      assert.ok(between.length >= 10, `${between.length} live events during the replay`);
    }
  });
});

describe("--dry-run", () => {
  test("counts the events, sends nothing and stores no row", async () => {
    const vault = await writeVaultHistory(users);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const dry = (...args) => runWorkerJson(world.database, "replay", "--vault", vault.id, "--dry-run", ...args);
    assert.deepEqual(await dry(), { dryRun: true, events: vault.head, from: 1, to: vault.head });
    assert.deepEqual(await dry("--from", "2", "--to", "4"), { dryRun: true, events: 3, from: 2, to: 4 });
    assert.equal((await dry("--type", "member:added")).events, 3);
    assert.match(
      await runWorkerOk(world.database, "replay", "--vault", vault.id, "--dry-run"),
      new RegExp(`\\b${vault.head} events`),
    );
    assert.deepEqual(await world.database.rows("SELECT id FROM replays WHERE vault_id = $1", [vault.id]), []);
    await flush(vault.id, members);
    for (const member of members) assert.deepEqual(replayedEvents(member, vault.id), []);
  });
});

describe("stored replays", () => {
  test("`replays` lists a replay while it runs and after it is done", async () => {
    const vault = await createVaultWith(world, owner, 30);
    const args = [
      "--vault",
      vault.id,
      "--from",
      "3",
      "--to",
      "25",
      "--type",
      "source:created",
      "--user",
      owner.user.id,
    ];
    const operation = new WorkerProcess(world.database, ["replay", ...args, "--rate", "20", "--json"]);
    const id = await waitForRunning(world, vault.id);
    const { position, createdAt, endedAt, requestedBy, ...row } = await findReplay(world, id);
    assert.deepEqual(row, {
      id,
      vaultId: vault.id,
      fromSeq: 3,
      toSeq: 25,
      type: "source:created",
      userId: owner.user.id,
      rate: 20,
      state: "running",
    });
    assert.ok(position >= 2 && position < 25, `position ${position}`);
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000, createdAt);
    assert.equal(endedAt, null);
    assert.ok(typeof requestedBy === "string" && requestedBy.length > 0);
    const table = await runWorkerOk(world.database, "replays");
    assert.match(
      table.split("\n").find((line) => line.includes(id)),
      new RegExp(`${vault.id}.*3 to 25.*running`),
    );

    assert.equal(JSON.parse((await operation.end()).stdout).id, id);
    const done = await findReplay(world, id);
    assert.deepEqual([done.state, done.position], ["done", 25]);
    assert.ok(Date.parse(done.endedAt) > Date.parse(createdAt));
    const later = await runWorkerOk(world.database, "replays");
    assert.match(
      later.split("\n").find((line) => line.includes(id)),
      /\bdone\b/,
    );
  });

  test("--cancel stops a replay, and the waiting command reports it", async () => {
    const vault = await createVaultWith(world, owner, 400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => waitForReplayed(member, vault.id, 5)));
    const id = await waitForRunning(world, vault.id);
    const output = await runWorkerOk(world.database, "replay", "--cancel", id);
    const [, last] = /cancelled after seq (\d+)/.exec(output) ?? assert.fail(output);
    const { code, stdout } = await operation.end();
    assert.equal(JSON.parse(stdout).state, "cancelled");
    assert.equal(code, 0);
    const row = await findReplay(world, id);
    assert.deepEqual([row.state, row.position], ["cancelled", Number(last)]);
    assert.notEqual(row.endedAt, null);

    // Another replay runs to completion on both nodes, so they have read the rows again and stopped the cancelled one.
    const other = await createVaultWith(world, owner, 2);
    await runWorkerOk(world.database, "replay", "--vault", other.id);
    await flush(vault.id, members);
    for (const member of members) {
      const events = replayedEvents(member, vault.id);
      assertContiguous(seqsOf(events), 1, events.length);
      assert.ok(events.length >= 5 && events.length <= last, `${events.length} events, cancelled after ${last}`);
    }
    await assertRejectedUnchanged(world.database, ["replay", "--cancel", id], /no replay .* is running/);
  });

  test("on a terminal a progress bar shows position, rate and remaining time", async (t) => {
    if (!requireTool(t, "script")) return;
    const vault = await createVaultWith(world, owner, 40);
    const command = `${OUTBOX_WORKER_BIN} replay --vault ${vault.id} --rate 20`;
    const settings = { DATABASE_URL: world.database.url, TERM: "xterm" };
    const { code, stdout } = await run("script", ["-qec", command, "/dev/null"], settings);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\b\d+\/40 events, [\d.]+\/s, \S+ to go/);
    assert.match(stdout, /done, seq 1 to 40\s*$/);
  });

  test("--cancel --json", async () => {
    const vault = await createVaultWith(world, owner, 400);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "10", "--json"]);
    const id = await waitForRunning(world, vault.id);
    const stdout = await runWorkerOk(world.database, "replay", "--cancel", id, "--json");
    await operation.end();
    const outcome = JSON.parse(stdout);
    assert.deepEqual([outcome.id, outcome.state], [id, "cancelled"]);
  });

  test("SIGKILL of the command: the replay continues to its end", async () => {
    const vault = await createVaultWith(world, owner, 80);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "40"]);
    await waitForReplayed(members[0], vault.id, 5);
    const id = await waitForRunning(world, vault.id);
    await operation.kill();
    await Promise.all(members.map((member) => waitForReplayed(member, vault.id, 80)));
    await eventually(async () => (await findReplay(world, id)).state === "done", "done");
    for (const member of members) assertContiguous(seqsOf(replayedEvents(member, vault.id)), 1, 80);
  });

  test("two concurrent replays of one vault do not mix", async () => {
    const vault = await createVaultWith(world, owner, 60);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const replay = (rate) => runWorkerJson(world.database, "replay", "--vault", vault.id, "--rate", rate);
    const [slow, quick] = await Promise.all([replay("30"), replay("200")]);
    await flush(vault.id, members);
    for (const member of members) {
      for (const { id } of [slow, quick]) {
        assertContiguous(seqsOf(replayedEvents(member, vault.id).filter(({ data }) => data.replay === id)), 1, 60);
      }
    }
  });
});

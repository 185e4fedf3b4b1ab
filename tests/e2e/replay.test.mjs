// `outbox-worker replay` and `replays`: resend stored events, marked as replayed, to the live members on every node.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { assertRejectedUnchanged, runWorker, runWorkerJson, runWorkerOk, WorkerProcess } from "./lib/outbox-worker.mjs";
import { run } from "./lib/process.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { OUTBOX_WORKER_BIN } from "./lib/settings.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { writeVaultHistory } from "./lib/vault-history.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
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

const isReplay = ({ data }) => data?.replay !== undefined;
const replayed = (client, vaultId) => client.eventsOf(vaultId).filter(isReplay);
const live = (client, vaultId) => client.eventsOf(vaultId).filter((event) => !isReplay(event));
const seqs = (events) => events.map(({ data }) => data.seq);

/** Creates a vault with `count` events. */
async function createVaultWith(count, { database } = world, rest = owner) {
  const vault = await rest.createVault("Replayed");
  vault.head = await appendEvents(database, { vaultId: vault.id, actor: rest.user, count: count - 1 });
  return vault;
}

const findReplay = async (id, { database } = world) =>
  (await runWorkerJson(database, "replays")).find((replay) => replay.id === id);

/** Waits for a running replay of this vault and returns its id. */
const waitForRunning = (vaultId, { database } = world) =>
  eventually(async () => {
    const rows = await database.rows("SELECT id FROM replays WHERE vault_id = $1 AND state = 'running'", [vaultId]);
    return rows[0]?.id;
  }, "a running replay");

/** Waits until every client has a new live event. Everything that was sent before it has arrived then. */
async function flush(vaultId, clients) {
  const { seq } = await owner.createSource(vaultId, "Marker");
  await Promise.all(clients.map((client) => client.awaitSeq(vaultId, seq)));
}

/** Waits for `count` replayed events of the vault. */
const awaitReplayed = (client, vaultId, count) =>
  client.waitFor(() => replayed(client, vaultId).length >= count, `${count} replayed events`);

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
      const events = replayed(member, vault.id);
      assertContiguous(seqs(events), 1, vault.head);
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
    const vault = await createVaultWith(12);
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
        assert.deepEqual(seqs(replayed(member, vault.id).filter(({ data }) => data.replay === id)), sent[args], args);
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
    for (const member of members) assert.deepEqual(seqs(replayed(member, vault.id)), added);
  });

  test("--user: all sockets of that user on both nodes, and no others", async () => {
    const vault = await writeVaultHistory(users);
    const targets = (await Promise.all([1, 2].map(() => joinOnBothNodes(world, viewer, vault.id)))).flat();
    const others = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--user", viewer.user.id, "--rate", "400");
    await flush(vault.id, [...targets, ...others]);
    for (const member of targets) assertContiguous(seqs(replayed(member, vault.id)), 1, vault.head);
    for (const member of others) assert.deepEqual(seqs(replayed(member, vault.id)), []);
  });

  test("a replayed removal removes nobody, and the members' positions do not change", async () => {
    const vault = await writeVaultHistory(users);
    const [member] = await joinOnBothNodes(world, viewer, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", "400");
    await flush(vault.id, [member]);
    assert.ok(
      replayed(member, vault.id).some(({ name, data }) => name === "member:removed" && data.userId === viewer.user.id),
    );
    assert.ok(!member.received.some(({ name }) => name === "vault:left"));
    assertContiguous(seqs(live(member, vault.id)), member.joined.seq + 1, vault.head + 1);
  });
});

describe("rate", () => {
  // Returns the seconds from the first to the last replayed event at a member.
  async function measureReplay(count, rate) {
    const vault = await createVaultWith(count);
    const [member] = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", rate);
    await flush(vault.id, [member]);
    const events = replayed(member, vault.id);
    assertContiguous(seqs(events), 1, count);
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
      const vault = await createVaultWith(3000);
      const members = await joinOnBothNodes(world, owner, vault.id, { transports: [transport] });
      await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", "4000");
      for (const member of members) {
        await member.waitFor(({ name, data }) => name === "disconnect" || data?.seq === 3000, "the last event");
        const closed = member.received.some(({ name }) => name === "disconnect");
        assert.ok(!closed, `closed after ${replayed(member, vault.id).length} events`);
        assertContiguous(seqs(replayed(member, vault.id)), 1, 3000);
      }
    });
  }

  test("live events still arrive in order during a replay", async () => {
    const vault = await createVaultWith(400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "100", "--json"]);
    await waitForRunning(vault.id);
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
      assertContiguous(seqs(live(member, vault.id)), member.joined.seq + 1, last + 1, "the live events");
      assertContiguous(seqs(replayed(member, vault.id)), 1, 400, "the replayed events");
      const [first, final] = [replayed(member, vault.id)[0], replayed(member, vault.id).at(-1)];
      const between = live(member, vault.id).filter(({ at }) => at > first.at && at < final.at);
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
    for (const member of members) assert.deepEqual(replayed(member, vault.id), []);
  });
});

describe("stored replays", () => {
  test("`replays` lists a replay while it runs and after it is done", async () => {
    const vault = await createVaultWith(30);
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
    const id = await waitForRunning(vault.id);
    const { position, createdAt, endedAt, requestedBy, ...row } = await findReplay(id);
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
    const done = await findReplay(id);
    assert.deepEqual([done.state, done.position], ["done", 25]);
    assert.ok(Date.parse(done.endedAt) > Date.parse(createdAt));
    const later = await runWorkerOk(world.database, "replays");
    assert.match(
      later.split("\n").find((line) => line.includes(id)),
      /\bdone\b/,
    );
  });

  test("--cancel stops a replay, and the waiting command reports it", async () => {
    const vault = await createVaultWith(400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 5)));
    const id = await waitForRunning(vault.id);
    const output = await runWorkerOk(world.database, "replay", "--cancel", id);
    const [, last] = /cancelled after seq (\d+)/.exec(output) ?? assert.fail(output);
    const { code, stdout } = await operation.end();
    assert.equal(JSON.parse(stdout).state, "cancelled");
    assert.equal(code, 0);
    const row = await findReplay(id);
    assert.deepEqual([row.state, row.position], ["cancelled", Number(last)]);
    assert.notEqual(row.endedAt, null);

    // Another replay runs to completion on both nodes, so they have read the rows again and stopped the cancelled one.
    const other = await createVaultWith(2);
    await runWorkerOk(world.database, "replay", "--vault", other.id);
    await flush(vault.id, members);
    for (const member of members) {
      const events = replayed(member, vault.id);
      assertContiguous(seqs(events), 1, events.length);
      assert.ok(events.length >= 5 && events.length <= last, `${events.length} events, cancelled after ${last}`);
    }
    await assertRejectedUnchanged(world.database, ["replay", "--cancel", id], /no replay .* that runs/);
  });

  const noTerminal = spawnSync("script", ["--version"]).error ? "script (util-linux) is not installed" : false;
  test("on a terminal a progress bar shows position, rate and remaining time", {
    skip: noTerminal,
  }, async () => {
    const vault = await createVaultWith(40);
    const command = `${OUTBOX_WORKER_BIN} replay --vault ${vault.id} --rate 20`;
    const settings = { DATABASE_URL: world.database.url, TERM: "xterm" };
    const { code, stdout } = await run("script", ["-qec", command, "/dev/null"], settings);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\b\d+\/40 events, [\d.]+\/s, \S+ to go/);
    assert.match(stdout, /done, seq 1 to 40\s*$/);
  });

  test("--cancel --json", async () => {
    const vault = await createVaultWith(400);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "10", "--json"]);
    const id = await waitForRunning(vault.id);
    const stdout = await runWorkerOk(world.database, "replay", "--cancel", id, "--json");
    await operation.end();
    const outcome = JSON.parse(stdout);
    assert.deepEqual([outcome.id, outcome.state], [id, "cancelled"]);
  });

  test("SIGKILL of the command: the replay continues to its end", async () => {
    const vault = await createVaultWith(80);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "40"]);
    await awaitReplayed(members[0], vault.id, 5);
    const id = await waitForRunning(vault.id);
    await operation.kill();
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 80)));
    await eventually(async () => (await findReplay(id)).state === "done", "done");
    for (const member of members) assertContiguous(seqs(replayed(member, vault.id)), 1, 80);
  });

  test("two concurrent replays of one vault do not mix", async () => {
    const vault = await createVaultWith(60);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const replay = (rate) => runWorkerJson(world.database, "replay", "--vault", vault.id, "--rate", rate);
    const [slow, quick] = await Promise.all([replay("30"), replay("200")]);
    await flush(vault.id, members);
    for (const member of members) {
      for (const { id } of [slow, quick]) {
        assertContiguous(seqs(replayed(member, vault.id).filter(({ data }) => data.replay === id)), 1, 60);
      }
    }
  });
});

describe("killed servers", () => {
  test("SIGKILL of the driving server: the other continues within seconds, without a gap or a duplicate", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await createVaultWith(160, pair, rest);
    const members = await joinOnBothNodes(pair, rest, vault.id);
    const operation = new WorkerProcess(pair.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 10)));
    const [{ driver }] = await pair.database.rows("SELECT driver FROM replays");
    const dead = pair.nodes.indexOf(driver);
    assert.ok(dead >= 0, "one of the two servers drives the replay");
    const survivor = members[1 - dead];
    await pair.servers[dead].end("SIGKILL");
    const before = replayed(survivor, vault.id).length;
    await awaitReplayed(survivor, vault.id, before + 10);
    const [{ driver: successor }] = await pair.database.rows("SELECT driver FROM replays");
    assert.equal(successor, pair.nodes[1 - dead]);

    const { code, stdout } = await operation.end();
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).state, "done");
    await awaitReplayed(survivor, vault.id, 160);
    assertContiguous(seqs(replayed(survivor, vault.id)), 1, 160);
    const gaps = replayed(survivor, vault.id).map(({ at }, i, all) => (i ? at - all[i - 1].at : 0));
    assert.ok(Math.max(...gaps) < 10_000, `the replay paused for ${Math.max(...gaps)} ms`);
  });

  test("SIGKILL of all servers: the replay continues when a server is back", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await createVaultWith(400, pair, rest);
    const members = await joinOnBothNodes(pair, rest, vault.id);
    const operation = new WorkerProcess(pair.database, ["replay", "--vault", vault.id, "--rate", "10", "--json"]);
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 5)));
    const before = seqs(replayed(members[0], vault.id));
    assertContiguous(before, 1, before.length);
    await Promise.all(pair.servers.map((server) => server.end("SIGKILL")));

    const server = await pair.startServer();
    const again = await pair.member(rest.at(server), vault.id, { server });
    await awaitReplayed(again, vault.id, 10);
    const after = seqs(replayed(again, vault.id));
    assertContiguous(after, after[0], after[0] + after.length - 1);
    assert.ok(after[0] > before.at(-1), "no event is sent twice");
    const id = await waitForRunning(vault.id, pair);
    assert.equal((await findReplay(id, pair)).state, "running");
    await runWorkerOk(pair.database, "replay", "--cancel", id);
    assert.equal(JSON.parse((await operation.end()).stdout).state, "cancelled");
  });
});

describe("invalid input: one sentence and no change", () => {
  let other, vault;
  before(async () => {
    other = await World.open();
    vault = await createVaultWith(5, other, other.users.owner);
  });
  after(() => other?.close());
  const unknown = randomUUID();
  const cases = {
    "an unknown vault": [() => ["--vault", unknown], new RegExp(unknown)],
    "no vault": [() => [], /--vault/, { plain: true }],
    "a malformed vault": [() => ["--vault", "vault"], /--vault/],
    "--from above --to": [() => ["--vault", vault.id, "--from", "4", "--to", "3"], /--from 4.*--to 3/],
    "--from above the head": [() => ["--vault", vault.id, "--from", "6"], /6/],
    "--to above the head": [() => ["--vault", vault.id, "--to", "6"], /--to 6.*head.*5/],
    "--from 0": [() => ["--vault", vault.id, "--from", "0"], /--from/],
    "an unknown type": [() => ["--vault", vault.id, "--type", "source:burnt"], /source:burnt/],
    "an unknown user": [() => ["--vault", vault.id, "--user", unknown], new RegExp(unknown)],
    "a rate of 0": [() => ["--vault", vault.id, "--rate", "0"], /--rate/],
    "a rate that is not a number": [() => ["--vault", vault.id, "--rate", "quick"], /--rate/],
    "an unknown replay to cancel": [() => ["--cancel", unknown], new RegExp(unknown)],
  };
  for (const [name, [args, message, { plain = false } = {}]] of Object.entries(cases)) {
    test(name, async () => {
      const command = ["replay", ...args()];
      if (!plain) return assertRejectedUnchanged(other.database, command, message);
      // clap's message about a missing argument is longer than one sentence.
      const { code, stdout, stderr } = await runWorker(other.database, ...command);
      assert.ok(code > 0);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    });
  }
});

// `outbox-worker replay` and `replays`: stored events once more, to the live members on every node, marked as such.
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

/** A vault with `count` events, written at one go. */
async function vaultOf(count, { database } = world, rest = owner) {
  const vault = await rest.createVault("Replayed");
  vault.head = await appendEvents(database, { vaultId: vault.id, actor: rest.user, count: count - 1 });
  return vault;
}

const findReplay = async (id, { database } = world) =>
  (await runWorkerJson(database, "replays")).find((replay) => replay.id === id);

/** The id of the replay that runs for this vault, once there is one. */
const running = (vaultId, { database } = world) =>
  eventually(async () => {
    const rows = await database.rows("SELECT id FROM replays WHERE vault_id = $1 AND state = 'running'", [vaultId]);
    return rows[0]?.id;
  }, "a replay that runs");

/** Waits until a live event has passed every client: what was sent before it has arrived. */
async function passed(vaultId, clients) {
  const { seq } = await owner.createSource(vaultId, "Passing");
  await Promise.all(clients.map((client) => client.awaitSeq(vaultId, seq)));
}

/** Waits for that many replayed events of the vault. */
const awaitReplayed = (client, vaultId, count) =>
  client.waitFor(() => replayed(client, vaultId).length >= count, `${count} replayed events`);

describe("what is sent", () => {
  test("the whole log, to the members on both nodes, in order, unchanged but for `replay`", async () => {
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
    await passed(vault.id, members);
    for (const member of members) {
      const events = replayed(member, vault.id);
      assertContiguous(seqs(events), 1, vault.head);
      for (const [i, { type, payload }] of log.entries()) {
        assert.equal(events[i].name, type);
        assert.deepEqual(events[i].data, { ...JSON.parse(payload), replay: id });
        // To the byte: the stored text, with one member more at its end.
        const frame = `2["${type}",${payload.slice(0, -1)},"replay":"${id}"}]`;
        assert.ok(member.frames.includes(frame), frame);
      }
    }
    await passed(other.id, elsewhere);
    for (const client of elsewhere) assert.deepEqual(client.received.filter(isReplay), [], "not in the room");
  });

  test("--from and --to, both ends included; without them the whole log", async () => {
    const vault = await vaultOf(12);
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
    await passed(vault.id, members);
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
    await passed(vault.id, members);
    for (const member of members) assert.deepEqual(seqs(replayed(member, vault.id)), added);
  });

  test("--user: all sockets of that user on both nodes, and nobody else", async () => {
    const vault = await writeVaultHistory(users);
    const hers = (await Promise.all([1, 2].map(() => joinOnBothNodes(world, viewer, vault.id)))).flat();
    const others = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--user", viewer.user.id, "--rate", "400");
    await passed(vault.id, [...hers, ...others]);
    for (const member of hers) assertContiguous(seqs(replayed(member, vault.id)), 1, vault.head);
    for (const member of others) assert.deepEqual(seqs(replayed(member, vault.id)), []);
  });

  test("a replayed removal puts nobody out, and the position of a member stays where it was", async () => {
    const vault = await writeVaultHistory(users);
    const [member] = await joinOnBothNodes(world, viewer, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", "400");
    await passed(vault.id, [member]);
    assert.ok(
      replayed(member, vault.id).some(({ name, data }) => name === "member:removed" && data.userId === viewer.user.id),
    );
    assert.ok(!member.received.some(({ name }) => name === "vault:left"));
    assertContiguous(seqs(live(member, vault.id)), member.joined.seq + 1, vault.head + 1);
  });
});

describe("how fast", () => {
  // Seconds from the first to the last replayed event at a member.
  async function timed(count, rate) {
    const vault = await vaultOf(count);
    const [member] = await joinOnBothNodes(world, owner, vault.id);
    await runWorkerOk(world.database, "replay", "--vault", vault.id, "--rate", rate);
    await passed(vault.id, [member]);
    const events = replayed(member, vault.id);
    assertContiguous(seqs(events), 1, count);
    return (events.at(-1).at - events[0].at) / 1000;
  }

  test("--rate 20/s", async () => {
    const seconds = await timed(60, "20/s");
    assert.ok(seconds > 2.2, `60 events at 20/s took ${seconds} s instead of 3`);
  });

  test("--rate 2: slower than the servers look at it", async () => {
    const seconds = await timed(7, "2");
    assert.ok(seconds > 2.4, `7 events at 2/s took ${seconds} s instead of 3`);
  });

  for (const transport of ["websocket", "polling"]) {
    test(`the highest rate closes no socket that keeps up, by ${transport}`, async () => {
      const vault = await vaultOf(3000);
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

  test("live events arrive meanwhile, in their own order", async () => {
    const vault = await vaultOf(400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "100", "--json"]);
    await running(vault.id);
    let last = 0;
    // Each write is awaited at both nodes before the next, so a live event that waits for the replay's end is found.
    const write = async () => {
      const { seq } = await owner.createSource(vault.id, "Live");
      await Promise.all(members.map((member) => member.awaitSeq(vault.id, seq)));
      last = Math.max(last, seq);
    };
    const { code, stdout } = await whileWriting(2, write, () => operation.end());
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).state, "done");
    await passed(vault.id, members);
    for (const member of members) {
      assertContiguous(seqs(live(member, vault.id)), member.joined.seq + 1, last + 1, "the live ones");
      assertContiguous(seqs(replayed(member, vault.id)), 1, 400, "the replayed ones");
      const [first, final] = [replayed(member, vault.id)[0], replayed(member, vault.id).at(-1)];
      const between = live(member, vault.id).filter(({ at }) => at > first.at && at < final.at);
      assert.ok(between.length >= 10, `${between.length} live events while the replay ran`);
    }
  });
});

describe("--dry-run", () => {
  test("counts, sends nothing and leaves no row", async () => {
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
    await passed(vault.id, members);
    for (const member of members) assert.deepEqual(replayed(member, vault.id), []);
  });
});

describe("a replay is a row", () => {
  test("`replays` lists it while it runs and when it is done", async () => {
    const vault = await vaultOf(30);
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
    const id = await running(vault.id);
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

  test("--cancel stops it, and whoever watches is told", async () => {
    const vault = await vaultOf(400);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 5)));
    const id = await running(vault.id);
    const words = await runWorkerOk(world.database, "replay", "--cancel", id);
    const [, last] = /cancelled after seq (\d+)/.exec(words) ?? assert.fail(words);
    const { code, stdout } = await operation.end();
    assert.equal(JSON.parse(stdout).state, "cancelled");
    assert.equal(code, 0);
    const row = await findReplay(id);
    assert.deepEqual([row.state, row.position], ["cancelled", Number(last)]);
    assert.notEqual(row.endedAt, null);

    // Another replay has run to its end on both nodes: they have looked at the rows again, and send no more of this one.
    const other = await vaultOf(2);
    await runWorkerOk(world.database, "replay", "--vault", other.id);
    await passed(vault.id, members);
    for (const member of members) {
      const events = replayed(member, vault.id);
      assertContiguous(seqs(events), 1, events.length);
      assert.ok(events.length >= 5 && events.length <= last, `${events.length} events, cancelled after ${last}`);
    }
    await assertRejectedUnchanged(world.database, ["replay", "--cancel", id], /no replay .* that runs/);
  });

  const noTerminal = spawnSync("script", ["--version"]).error ? "script (util-linux) is not installed" : false;
  test("on a terminal a bar shows how far it is, how fast, and how long it will take", {
    skip: noTerminal,
  }, async () => {
    const vault = await vaultOf(40);
    const command = `${OUTBOX_WORKER_BIN} replay --vault ${vault.id} --rate 20`;
    const settings = { DATABASE_URL: world.database.url, TERM: "xterm" };
    const { code, stdout } = await run("script", ["-qec", command, "/dev/null"], settings);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /\b\d+\/40 events, [\d.]+\/s, \S+ to go/);
    assert.match(stdout, /done, seq 1 to 40\s*$/);
  });

  test("--cancel --json", async () => {
    const vault = await vaultOf(400);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "10", "--json"]);
    const id = await running(vault.id);
    const stdout = await runWorkerOk(world.database, "replay", "--cancel", id, "--json");
    await operation.end();
    const outcome = JSON.parse(stdout);
    assert.deepEqual([outcome.id, outcome.state], [id, "cancelled"]);
  });

  test("SIGKILL of the command: the replay goes on to its end", async () => {
    const vault = await vaultOf(80);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const operation = new WorkerProcess(world.database, ["replay", "--vault", vault.id, "--rate", "40"]);
    await awaitReplayed(members[0], vault.id, 5);
    const id = await running(vault.id);
    await operation.kill();
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 80)));
    await eventually(async () => (await findReplay(id)).state === "done", "done");
    for (const member of members) assertContiguous(seqs(replayed(member, vault.id)), 1, 80);
  });

  test("two replays of one vault at once keep apart", async () => {
    const vault = await vaultOf(60);
    const members = await joinOnBothNodes(world, owner, vault.id);
    const replay = (rate) => runWorkerJson(world.database, "replay", "--vault", vault.id, "--rate", rate);
    const [slow, quick] = await Promise.all([replay("30"), replay("200")]);
    await passed(vault.id, members);
    for (const member of members) {
      for (const { id } of [slow, quick]) {
        assertContiguous(seqs(replayed(member, vault.id).filter(({ data }) => data.replay === id)), 1, 60);
      }
    }
  });
});

describe("servers die", () => {
  test("SIGKILL of the driving one: the other goes on within seconds, without hole or double", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await vaultOf(160, pair, rest);
    const members = await joinOnBothNodes(pair, rest, vault.id);
    const operation = new WorkerProcess(pair.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => awaitReplayed(member, vault.id, 10)));
    const [{ driver }] = await pair.database.rows("SELECT driver FROM replays");
    const dead = pair.nodes.indexOf(driver);
    assert.ok(dead >= 0, "one of the two drives");
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
    assert.ok(Math.max(...gaps) < 10_000, `it stood still for ${Math.max(...gaps)} ms`);
  });

  test("SIGKILL of all of them: it goes on once one is there again", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await vaultOf(400, pair, rest);
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
    assert.ok(after[0] > before.at(-1), "nothing is sent twice");
    const id = await running(vault.id, pair);
    assert.equal((await findReplay(id, pair)).state, "running");
    await runWorkerOk(pair.database, "replay", "--cancel", id);
    assert.equal(JSON.parse((await operation.end()).stdout).state, "cancelled");
  });
});

describe("bad input: one sentence, and nothing changed", () => {
  let still, vault;
  before(async () => {
    still = await World.open();
    vault = await vaultOf(5, still, still.users.owner);
  });
  after(() => still?.close());
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
    "no rate at all": [() => ["--vault", vault.id, "--rate", "0"], /--rate/],
    "a rate that is no number": [() => ["--vault", vault.id, "--rate", "quick"], /--rate/],
    "an unknown replay to cancel": [() => ["--cancel", unknown], new RegExp(unknown)],
  };
  for (const [name, [args, says, { plain = false } = {}]] of Object.entries(cases)) {
    test(name, async () => {
      const command = ["replay", ...args()];
      if (!plain) return assertRejectedUnchanged(still.database, command, says);
      // Clap's own refusal of a missing argument is longer than a sentence.
      const { code, stdout, stderr } = await runWorker(still.database, ...command);
      assert.ok(code > 0);
      assert.match(stderr, says);
      assert.equal(stdout, "");
    });
  }
});

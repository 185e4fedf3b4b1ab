// `outbox-worker replay` when servers are killed, and with invalid input.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { assertRejectedUnchanged, runWorker, runWorkerOk, WorkerProcess } from "./lib/outbox-worker.mjs";
import {
  createVaultWith,
  findReplay,
  replayedEvents,
  seqsOf,
  waitForReplayed,
  waitForRunning,
} from "./lib/replays.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { World } from "./lib/world.mjs";

describe("killed servers", () => {
  test("SIGKILL of the driving server: the other continues within seconds, without a gap or a duplicate", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await createVaultWith(pair, rest, 160);
    const members = await joinOnBothNodes(pair, rest, vault.id);
    const operation = new WorkerProcess(pair.database, ["replay", "--vault", vault.id, "--rate", "20", "--json"]);
    await Promise.all(members.map((member) => waitForReplayed(member, vault.id, 10)));
    const [{ driver }] = await pair.database.rows("SELECT driver FROM replays");
    const dead = pair.nodes.indexOf(driver);
    assert.ok(dead >= 0, "one of the two servers drives the replay");
    const survivor = members[1 - dead];
    await pair.servers[dead].end("SIGKILL");
    const before = replayedEvents(survivor, vault.id).length;
    await waitForReplayed(survivor, vault.id, before + 10);
    const [{ driver: successor }] = await pair.database.rows("SELECT driver FROM replays");
    assert.equal(successor, pair.nodes[1 - dead]);

    const { code, stdout } = await operation.end();
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).state, "done");
    await waitForReplayed(survivor, vault.id, 160);
    assertContiguous(seqsOf(replayedEvents(survivor, vault.id)), 1, 160);
    const gaps = replayedEvents(survivor, vault.id).map(({ at }, i, all) => (i ? at - all[i - 1].at : 0));
    assert.ok(Math.max(...gaps) < 10_000, `the replay paused for ${Math.max(...gaps)} ms`);
  });

  test("SIGKILL of all servers: the replay continues when a server is back", async (t) => {
    const pair = await openTwoNodes();
    t.after(() => pair.close());
    const rest = pair.users.owner;
    const vault = await createVaultWith(pair, rest, 400);
    const members = await joinOnBothNodes(pair, rest, vault.id);
    const operation = new WorkerProcess(pair.database, ["replay", "--vault", vault.id, "--rate", "10", "--json"]);
    await Promise.all(members.map((member) => waitForReplayed(member, vault.id, 5)));
    const before = seqsOf(replayedEvents(members[0], vault.id));
    assertContiguous(before, 1, before.length);
    await Promise.all(pair.servers.map((server) => server.end("SIGKILL")));

    const server = await pair.startServer();
    const again = await pair.member(rest.at(server), vault.id, { server });
    await waitForReplayed(again, vault.id, 10);
    const after = seqsOf(replayedEvents(again, vault.id));
    assertContiguous(after, after[0], after[0] + after.length - 1);
    assert.ok(after[0] > before.at(-1), "no event is sent twice");
    const id = await waitForRunning(pair, vault.id);
    assert.equal((await findReplay(pair, id)).state, "running");
    await runWorkerOk(pair.database, "replay", "--cancel", id);
    assert.equal(JSON.parse((await operation.end()).stdout).state, "cancelled");
  });
});

describe("invalid input: one sentence and no change", () => {
  let other, vault;
  before(async () => {
    other = await World.open();
    vault = await createVaultWith(other, other.users.owner, 5);
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

// The fault suite. scripts/test-faults starts it; README.md says what it does.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { SYNCSCRIPT_BIN } from "../e2e/lib/settings.mjs";
import { catchUp, MISSED } from "./lib/catchup.mjs";
import { parseOptions } from "./lib/options.mjs";
import { Cluster } from "./lib/postgres.mjs";
import { DEADLINE_MS, recovered, settled } from "./lib/recovery.mjs";
import { median, ms, say, table, tableOfFaults, verdict, worst } from "./lib/report.mjs";
import { resync } from "./lib/resync.mjs";
import { Storm } from "./lib/storm.mjs";
import { verify } from "./lib/verify.mjs";
import { World } from "./lib/world.mjs";

/** Beyond the time for faults, in seconds: setting up, the scenarios, checking. A run that takes longer hangs. */
const OVERHEAD_S = 300;

const options = parseOptions(process.argv.slice(2));
const { seed, seconds, short } = options;
console.log(`seed ${seed}: scripts/test-faults --seed ${seed} --seconds ${seconds}${short ? " --short" : ""}`);
const watchdog = setTimeout(
  () => {
    console.log(`\nThe run did not end within ${seconds + OVERHEAD_S} s.\n\n0 passed, 1 failed`);
    process.exit(1);
  },
  (seconds + OVERHEAD_S) * 1000,
);

const cluster = Cluster.fromEnvironment();
say(`server ${SYNCSCRIPT_BIN}`);
const world = await World.open(cluster, seed);
const failures = [];
let passed = false;
try {
  passed = await main();
} catch (error) {
  console.log(`\n${error.stack}`);
  keepLogs();
  console.log("\n0 passed, 1 failed");
} finally {
  // The cluster is thrown away with everything in it.
  await world.close().catch((error) => say(`closing: ${error.message}`));
  clearTimeout(watchdog);
}
process.exit(passed ? 0 : 1);

async function main() {
  const stop = world.work();
  await recovered(world);
  say(`${world.followers.length} followers, ${world.writers.length} writers; ${seconds} s of faults begin`);
  const storm = new Storm(world, { seed, seconds, only: options.only, say });
  await storm.run();
  await attempt("writers and owner are answered after the last fault", () => stop(DEADLINE_MS));
  await attempt("everyone arrives at the end of the log", async () => {
    await settled(world);
    // The last word to some: out, and it stays so.
    for (const seat of world.seats.filter(({ plays }) => plays).slice(0, 2)) await world.owner.remove(seat);
    await world.ownerAtNode.createSource(world.vaultIds[0], "Filled for those who stay");
    world.ledger.fill(world.vaultIds[0], 1);
    await settled(world);
  });
  say("faults are over; scenarios begin");
  const scenarios = [];
  let caughtUp = [];
  await attempt("a client that missed 10 000 events is complete again", async () => {
    caughtUp = await catchUp(world, { rounds: short ? 1 : 5, say });
    scenarios.push(...caughtUp);
  });
  await attempt("a client that missed too much reloads", async () => scenarios.push(...(await resync(world))));
  for (const follower of world.followers) follower.close();
  say("checking");
  const { results, sums } = await verify(world, scenarios);
  results.push(...storm.failures.map((wrong) => ({ name: "recovery within 30 s of each fault", wrong: [wrong] })));
  if (storm.failures.length === 0) results.push({ name: "recovery within 30 s of each fault", wrong: [] });
  results.push(...failures);
  report(storm, sums, caughtUp);
  const fine = verdict(results);
  if (!fine) keepLogs();
  return fine;
}

/** One step; a failure is taken down, and the run goes on to the checks. */
async function attempt(name, step) {
  try {
    await step();
    failures.push({ name, wrong: [] });
  } catch (error) {
    failures.push({ name, wrong: [error.message] });
  }
}

function report(storm, sums, caughtUp) {
  const { ledger, owner, followers } = world;
  const took = storm.rounds.flatMap((round) => (round.took ? [round.took.events] : []));
  const count = (name) => followers.reduce((sum, { counters }) => sum + counters[name], 0);
  tableOfFaults(storm);
  table(
    "Of requests",
    [...Object.entries(ledger.troubles), ["repeated after their answer", ledger.repetitions]].sort(),
  );
  table("Of members", Object.entries(owner.done));
  table("Figures", [
    ["seed", seed],
    ["seconds of faults", seconds],
    ["mutations acknowledged", ledger.applied.size],
    ["of them repeated until answered", ledger.repeatedMutations],
    ["of these applied before, answer lost", sums.hidden],
    ["attempts repeated in all", ledger.retries],
    ["mutations without key, asked for once", ledger.askedOnce],
    ["of them without answer, or with 503", ledger.unknown.size],
    ["of these in the log all the same", sums.found],
    ["mutations refused for want of a role", ledger.refused.size],
    ["of these applied by a late copy", sums.late],
    ["faults injected, in rounds", storm.rounds.flatMap(({ kinds }) => kinds).length],
    ["rounds", storm.rounds.length],
    ["events expected by subscribers", sums.expected],
    ["events seen by subscribers", sums.seen],
    ["losses", sums.lost],
    ["duplicates", sums.duplicate],
    ["out of order, altered, invented", sums.disorder + sums.altered + sums["not in the log"]],
    ["to one who might not", sums.forbidden],
    ["resyncs", count("resyncs")],
    ["dropped by the helper as seen before", count("duplicates")],
    ["joins repeated by the helper for a gap", count("gaps")],
    ["sockets closed as too slow", world.nodes.flatMap((node) => node.said("cannot keep up")).length],
    ["recovery, median of rounds", ms(median(took))],
    ["recovery, worst of rounds", ms(worst(took))],
  ]);
  table(
    `Live again after ${MISSED} missed events`,
    caughtUp.map(({ transport, outage, times }) => [
      `${transport}, ${outage}`,
      `median ${ms(median(times))}`,
      `worst ${ms(worst(times))}`,
    ]),
  );
}

/** What servers said, for whoever looks into a failure. */
function keepLogs() {
  for (const node of world.servers) {
    for (const [i, { stderr }] of node.servers.entries()) {
      writeFileSync(
        `${tmpdir()}/syncscript-faults-${seed}-${node.name.replaceAll(" ", "-")}-${i}.log`,
        stderr.join("\n"),
      );
    }
  }
  say(`logs of the servers: ${tmpdir()}/syncscript-faults-${seed}-*.log`);
}

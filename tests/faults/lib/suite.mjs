// One run of the fault suite: the fault phase, the scenarios, the checks and the report.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { SYNCSCRIPT_BIN } from "../../e2e/lib/settings.mjs";
import { catchUp, MISSED } from "./catchup.mjs";
import { FaultInjector } from "./fault-injector.mjs";
import { Cluster } from "./postgres.mjs";
import { DEADLINE_MS, waitForRecovery, waitUntilCaughtUp } from "./recovery.mjs";
import { faultTable, median, ms, print, printSummary, table, worst } from "./report.mjs";
import { resync } from "./resync.mjs";
import { verify } from "./verify.mjs";
import { World } from "./world.mjs";

/** Runs the suite with the options of the command line. Returns whether everything passed. */
export async function runSuite(options) {
  const cluster = Cluster.fromEnvironment();
  print(`server binary: ${SYNCSCRIPT_BIN}`);
  const world = await World.open(cluster, options.seed);
  try {
    return await run(world, options);
  } catch (error) {
    console.log(`\n${error.stack}`);
    keepServerLogs(world, options.seed);
    console.log("\n0 passed, 1 failed");
    return false;
  } finally {
    // The whole cluster is deleted afterwards, so a failed cleanup does not matter.
    await world.close().catch((error) => print(`cleanup failed: ${error.message}`));
  }
}

/** Injects faults, runs the scenarios and checks the results. Returns whether everything passed. */
async function run(world, { seed, seconds, short, only }) {
  const outcomes = [];
  const attempt = (name, step) => recordOutcome(outcomes, name, step);
  const stop = world.work();
  await waitForRecovery(world);
  print(`${world.subscribers.length} subscribers, ${world.writers.length} writers; starting ${seconds} s of faults`);
  const injector = new FaultInjector(world, { seed, seconds, only, print });
  await injector.run();
  await attempt("writers and the owner get responses after the last fault", () => stop(DEADLINE_MS));
  await attempt("every subscriber reaches the end of the log", async () => {
    await waitUntilCaughtUp(world);
    // Two members are removed for good, to check that nothing reaches them afterwards.
    for (const membership of world.memberships.filter(({ churns }) => churns).slice(0, 2))
      await world.owner.remove(membership);
    await world.ownerAtNode.createSource(world.vaultIds[0], "Filled for the remaining members");
    world.history.countSqlEvents(world.vaultIds[0], 1);
    await waitUntilCaughtUp(world);
  });
  print("faults finished; starting the scenarios");
  const scenarios = [];
  let caughtUp = [];
  await attempt("a client that missed 10 000 events catches up completely", async () => {
    caughtUp = await catchUp(world, { rounds: short ? 1 : 5, print });
    scenarios.push(...caughtUp);
  });
  await attempt("a client that missed more than the backlog limit reloads", async () =>
    scenarios.push(...(await resync(world))),
  );
  for (const subscriber of world.subscribers) subscriber.close();
  print("checking");
  const { results, sums } = await verify(world, scenarios);
  results.push(
    ...injector.failures.map((failure) => ({ name: "recovery within 30 s of each fault", problems: [failure] })),
  );
  if (injector.failures.length === 0) results.push({ name: "recovery within 30 s of each fault", problems: [] });
  results.push(...outcomes);
  printReport(world, injector, sums, caughtUp, { seed, seconds });
  const passed = printSummary(results);
  if (!passed) keepServerLogs(world, seed);
  return passed;
}

/** Runs one step. A failure is recorded, and the run continues with the checks. */
async function recordOutcome(outcomes, name, step) {
  try {
    await step();
    outcomes.push({ name, problems: [] });
  } catch (error) {
    outcomes.push({ name, problems: [error.message] });
  }
}

function printReport(world, injector, sums, caughtUp, { seed, seconds }) {
  const { history, owner, subscribers } = world;
  const took = injector.rounds.flatMap((round) => (round.took ? [round.took.events] : []));
  const count = (name) => subscribers.reduce((sum, { counters }) => sum + counters[name], 0);
  faultTable(injector);
  table(
    "Request faults",
    [...Object.entries(history.attemptFaults), ["repeated after their response", history.repetitions]].sort(),
  );
  table("Membership changes", Object.entries(owner.done));
  table("Figures", [
    ["seed", seed],
    ["seconds of faults", seconds],
    ["mutations acknowledged", history.applied.size],
    ["- repeated until answered", history.repeatedMutations],
    ["- applied before, response lost", sums.responseLost],
    ["retries in total", history.retries],
    ["mutations without a key, sent once", history.sentOnce],
    ["- without a response, or with 503", history.unknown.size],
    ["- of these, found in the log", sums.found],
    ["mutations rejected for lack of a role", history.rejected.size],
    ["- applied by a late copy", sums.late],
    ["faults injected", injector.rounds.flatMap(({ kinds }) => kinds).length],
    ["rounds", injector.rounds.length],
    ["events expected by subscribers", sums.expected],
    ["events seen by subscribers", sums.seen],
    ["lost events", sums.lost],
    ["duplicates", sums.duplicate],
    ["out of order, altered, invented", sums.disorder + sums.altered + sums["not in the log"]],
    ["delivered without permission", sums.forbidden],
    ["resyncs", count("resyncs")],
    ["duplicates dropped by the client", count("duplicates")],
    ["rejoins by the client because of a gap", count("gaps")],
    [
      "sockets closed because their buffer stayed full",
      world.nodes.flatMap((node) => node.logLines(/closed a socket that reads no data/)).length,
    ],
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

/** Writes the servers' logs to files, to investigate a failure. */
function keepServerLogs(world, seed) {
  for (const node of world.servers) {
    for (const [i, { stderr }] of node.servers.entries()) {
      writeFileSync(
        `${tmpdir()}/syncscript-faults-${seed}-${node.name.replaceAll(" ", "-")}-${i}.log`,
        stderr.join("\n"),
      );
    }
  }
  print(`server logs: ${tmpdir()}/syncscript-faults-${seed}-*.log`);
}

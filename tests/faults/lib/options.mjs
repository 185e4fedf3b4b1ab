// The command line options.
import { randomInt } from "node:crypto";

const HELP = `Usage: scripts/test-faults [--seed N] [--seconds N] [--short] [--only KIND,KIND]

Runs two servers with writers and subscribers, injects faults at random moments, and then compares every delivered event
and every response with the log in the database.

  --seed N     repeat the fault plan of an earlier run; the timing still depends on the machine
  --seconds N  how long to inject faults, not counting setup and checks (default 600)
  --short      the form that scripts/test runs: 40 seconds of faults, fewer repetitions
  --only ...   inject only these kinds of faults, to narrow down a problem

Exit status: 0 if every check passed, 1 if not, 2 for invalid arguments.`;

/** Returns `{seed, seconds, short, only}`. For `--help` or an invalid argument it prints a message and exits instead. */
export function parseOptions(argv) {
  const options = { seed: randomInt(1, 2 ** 31), seconds: undefined, short: false, only: undefined };
  const rest = [...argv];
  const number = (name, min) => {
    const value = Number(rest.shift());
    if (!Number.isSafeInteger(value) || value < min) fail(`${name} takes an integer of at least ${min}`);
    return value;
  };
  while (rest.length > 0) {
    const argument = rest.shift();
    if (argument === "--seed") options.seed = number(argument, 0);
    else if (argument === "--seconds") options.seconds = number(argument, 1);
    else if (argument === "--short") options.short = true;
    else if (argument === "--only") options.only = (rest.shift() ?? "").split(",").filter(Boolean);
    else if (argument === "--help" || argument === "-h") printAndExit(HELP);
    else fail(`unknown argument ${argument}; see scripts/test-faults --help`);
  }
  options.seconds ??= options.short ? 40 : 600;
  return options;
}

function printAndExit(text) {
  console.log(text);
  process.exit(0);
}

function fail(text) {
  console.error(`test-faults: ${text}`);
  process.exit(2);
}

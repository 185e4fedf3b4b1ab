// What the command line says.
import { randomInt } from "node:crypto";

const HELP = `Usage: scripts/test-faults [--seed N] [--seconds N] [--short] [--only KIND,KIND]

Two servers, writers, subscribers, and faults at random moments; then everything that was heard and answered is compared
with the log in the database.

  --seed N     repeats the plan of faults of an earlier run; its timing depends on the machine
  --seconds N  how long faults are injected, after setting up and before checking (default 600)
  --short      the form that is part of scripts/test: 40 seconds of faults, fewer repetitions
  --only ...   these kinds of faults alone, for narrowing something down

It ends by itself. Exit status: 0 if every check passed, 1 if not.`;

/** `{seed, seconds, short, only}`; prints help or a complaint and ends the process instead, where that is asked for. */
export function parseOptions(argv) {
  const options = { seed: randomInt(1, 2 ** 31), seconds: undefined, short: false, only: undefined };
  const rest = [...argv];
  const number = (name, min) => {
    const value = Number(rest.shift());
    if (!Number.isSafeInteger(value) || value < min) fail(`${name} takes a whole number from ${min} on`);
    return value;
  };
  while (rest.length > 0) {
    const argument = rest.shift();
    if (argument === "--seed") options.seed = number(argument, 0);
    else if (argument === "--seconds") options.seconds = number(argument, 1);
    else if (argument === "--short") options.short = true;
    else if (argument === "--only") options.only = (rest.shift() ?? "").split(",").filter(Boolean);
    else if (argument === "--help" || argument === "-h") end(HELP);
    else fail(`there is no ${argument}; see scripts/test-faults --help`);
  }
  options.seconds ??= options.short ? 40 : 600;
  return options;
}

function end(text) {
  console.log(text);
  process.exit(0);
}

function fail(text) {
  console.error(`test-faults: ${text}`);
  process.exit(2);
}

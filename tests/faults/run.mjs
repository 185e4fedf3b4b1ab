// The fault suite, started by scripts/test-faults. README.md describes it.
import { parseOptions } from "./lib/options.mjs";

/** Time for setup, scenarios and checks, in seconds, beyond the time for faults. A run that takes longer has hung. */
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
// Imported here, because the suite needs the built TypeScript client and --help does not.
const { runSuite } = await import("./lib/suite.mjs");
const passed = await runSuite(options);
clearTimeout(watchdog);
process.exit(passed ? 0 : 1);

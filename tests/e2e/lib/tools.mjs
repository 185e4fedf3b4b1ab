// Decides what happens to a test that cannot run on this machine: with CI=true it fails, elsewhere it is skipped.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The PATH with the directories of the system's programs, which a user's PATH often lacks. */
export const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** The package of each command in the list that the scripts install. */
const PACKAGES = new Map(
  readFileSync(new URL("../../../scripts/lib/tools.txt", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => line.split(/\s+/))
    .flatMap(([, commands, name]) => commands.split("|").map((command) => [command, name])),
);

/** Skips the rest of test `t`, or fails it with CI=true. Returns false. */
export function leaveOut(t, reason) {
  if (process.env.CI === "true") throw new Error(`with CI=true nothing may be left out: ${reason}`);
  t.skip(reason);
  return false;
}

/** Returns whether a command is on the PATH. If it is missing, leaves out the rest of the test. */
export function requireTool(t, command) {
  const { status } = spawnSync("sh", ["-c", `command -v ${command}`], { env: { PATH } });
  return (
    status === 0 || leaveOut(t, `${command} is not installed: apt-get install ${PACKAGES.get(command) ?? command}`)
  );
}

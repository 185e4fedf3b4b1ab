// Process information from /proc, and a check for panics.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/** The resident memory of a process, in KiB. */
export const residentKib = (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

/** The number of open files of a process, including connections. */
export const countOpenFiles = (pid) => readdirSync(`/proc/${pid}/fd`).length;

const hex = (port) => port.toString(16).toUpperCase().padStart(4, "0");

/** Whether the server's end of a connection is open. An end that was closed with unsent data is not. */
export function isEstablished(serverPort, clientPort) {
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((path) => readFileSync(path, "utf8").split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .some(
      ([, local, remote, state]) =>
        state === "01" && local?.endsWith(`:${hex(serverPort)}`) && remote?.endsWith(`:${hex(clientPort)}`),
    );
}

/** Asserts that no task of these servers panicked. The process survives such a panic. */
export function assertNoPanic(...servers) {
  for (const { stderr } of servers) {
    const at = stderr.findIndex((line) => line.includes("panicked at"));
    assert.equal(at, -1, stderr.slice(at, at + 2).join("\n"));
  }
}

// The programs under test: single runs, and long-running processes whose output is read line by line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { programEnv } from "./settings.mjs";
import { withDeadline } from "./wait.mjs";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
// The test runner sends these signals when it is interrupted. Without the handlers `exit` would not be emitted.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

function launch(program, args, settings) {
  // The working directory must not contain a developer's `.env`.
  const child = spawn(program, args, { env: programEnv(settings), cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Runs a program to completion. */
export async function run(program, args, settings = {}) {
  const child = launch(program, args, settings);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = once(child, "close");
  try {
    const [code, signal] = await withDeadline(
      ended,
      () => `${program} ${args.join(" ")} exits\n${stdout}\n${stderr}`,
      60_000,
    );
    return { code, signal, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

/** A long-running program. It collects the output as lines, and tests can wait for a line. */
export class LineProcess {
  stdout = [];
  stderr = [];
  #waiters = new Set();

  constructor(program, args, settings = {}) {
    this.name = `${program} ${args.join(" ")}`;
    this.child = launch(program, args, settings);
    this.exit = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
    this.exit.then(() => this.#notify());
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.stdout.push(line);
      this.#notify();
    });
    createInterface({ input: this.child.stderr }).on("line", (line) => {
      this.stderr.push(line);
      if (process.env.E2E_SHOW_LOGS) process.stderr.write(`${line}\n`);
    });
  }

  #notify() {
    this.#waiters.forEach((check) => check());
  }

  /** Waits for the first line of standard output that `test` accepts. */
  async line(test, what) {
    let check;
    const found = new Promise((resolve, reject) => {
      check = () => {
        const line = this.stdout.find(test);
        if (line !== undefined) resolve(line);
        else if (this.child.exitCode !== null || this.child.signalCode !== null)
          reject(new Error(`${this.name} exited before: ${what}\n${this.tail()}`));
      };
      this.#waiters.add(check);
      check();
    });
    try {
      return await withDeadline(found, () => `${what}, from ${this.name}\n${this.tail()}`);
    } finally {
      this.#waiters.delete(check);
    }
  }

  /** The last lines of both outputs, for messages. */
  tail() {
    return [...this.stdout.slice(-5), ...this.stderr.slice(-20)].map((line) => line.slice(0, 300)).join("\n");
  }

  /** Sends the signal and waits for the exit. */
  async end(signal = "SIGTERM") {
    this.child.kill(signal);
    return withDeadline(this.exit, () => `${this.name} exits after ${signal}\n${this.tail()}`);
  }
}

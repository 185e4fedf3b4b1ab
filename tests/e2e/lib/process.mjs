// Programs under test: one-shot runs, and processes followed line by line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { programEnv } from "./settings.mjs";
import { withDeadline } from "./wait.mjs";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));
// The test runner ends a file's process so when it is itself interrupted; without these no `exit` would be emitted.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

function launch(program, args, settings) {
  // The working directory holds no `.env` of a developer.
  const child = spawn(program, args, { env: programEnv(settings), cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Runs a program to its end. */
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
      () => `end of ${program} ${args.join(" ")}\n${stdout}\n${stderr}`,
      60_000,
    );
    return { code, signal, stdout, stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

/** A program that keeps running; its output is kept as lines, and tests await a line. */
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

  /** The first line of standard output that `test` accepts. */
  async line(test, what) {
    let check;
    const found = new Promise((resolve, reject) => {
      check = () => {
        const line = this.stdout.find(test);
        if (line !== undefined) resolve(line);
        else if (this.child.exitCode !== null || this.child.signalCode !== null)
          reject(new Error(`${this.name} ended before: ${what}\n${this.tail()}`));
      };
      this.#waiters.add(check);
      check();
    });
    try {
      return await withDeadline(found, () => `${what}, of ${this.name}\n${this.tail()}`);
    } finally {
      this.#waiters.delete(check);
    }
  }

  /** The last lines of both outputs, for messages. */
  tail() {
    return [...this.stdout.slice(-5), ...this.stderr.slice(-20)].map((line) => line.slice(0, 300)).join("\n");
  }

  /** Sends the signal and waits for the end. */
  async end(signal = "SIGTERM") {
    this.child.kill(signal);
    return withDeadline(this.exit, () => `end of ${this.name} after ${signal}\n${this.tail()}`);
  }
}

// Starts the real server.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DEADLINE_MS, withDeadline } from "./wait.js";

const BIN =
  process.env.SYNCSCRIPT_BIN ?? fileURLToPath(new URL("../../../../target/debug/syncscript", import.meta.url));

export class Server {
  readonly url: string;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    this.port = Number(new URL(url).port);
  }

  /** Starts the server and returns once it listens. */
  static async start(databaseUrl: string, { port = 0, env = {} }: { port?: number; env?: NodeJS.ProcessEnv } = {}) {
    const child = spawn(BIN, ["serve"], {
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: databaseUrl,
        HOST: "127.0.0.1",
        PORT: String(port),
        SYNCSCRIPT_LOG: "warn",
        SYNCSCRIPT_DATABASE_CONNECTIONS: "8",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stderr.on("data", (data: Buffer) => (output = (output + data.toString()).slice(-4000)));
    const listening = new Promise<string>((resolve, reject) => {
      createInterface(child.stdout).on("line", (line) => {
        const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
        if (url) resolve(url);
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`The server exited with ${code}: ${output}`)));
    });
    try {
      return new Server(child, await withDeadline(listening, "the server to listen", DEADLINE_MS));
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await withDeadline(ended, `the server to exit after ${signal}`);
  }
}

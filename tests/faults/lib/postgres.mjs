// The private PostgreSQL of a run: scripts/test-faults creates it, this module restarts and kills it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { eventually } from "../../e2e/lib/wait.mjs";

export class Cluster {
  /**
   * `dir` is laid out by scripts/lib/postgres.sh; `bin` is the directory of pg_ctl; `user` runs PostgreSQL, empty for the
   * current user; `settings` are the server's settings as name=value.
   */
  constructor({ dir, bin, user, settings }) {
    this.dir = dir;
    this.data = `${dir}/data`;
    this.bin = bin;
    this.user = user;
    this.url = readFileSync(`${dir}/url`, "utf8").trim();
    const all = [
      "listen_addresses=127.0.0.1",
      `port=${new URL(this.url).port}`,
      "unix_socket_directories=",
      ...settings,
    ];
    this.options = all.map((setting) => `-c ${setting}`).join(" ");
  }

  static fromEnvironment(env = process.env) {
    return new Cluster({
      dir: env.FAULTS_PG_DIR,
      bin: env.FAULTS_PG_BIN,
      user: env.FAULTS_PG_USER ?? "",
      settings: (env.FAULTS_PG_SETTINGS ?? "").split(" ").filter(Boolean),
    });
  }

  /** `fast` closes all connections; `immediate` skips the checkpoint, so that the next start replays the WAL. */
  async stop(mode) {
    await this.#ctl("stop", "-m", mode, "-w", "-t", "60");
  }

  async start() {
    await this.#ctl("start", "-w", "-t", "60", "-l", `${this.dir}/log`, "-o", this.options);
  }

  /** SIGKILL to every process of the cluster, as when memory runs out: no process flushes anything. */
  async kill() {
    const postmaster = this.postmaster();
    const children = childrenOf(postmaster);
    for (const pid of [postmaster, ...children]) kill(pid);
    // Shared memory is released only when all processes have exited.
    await eventually(() => [postmaster, ...children].every((pid) => !isAlive(pid)), "all PostgreSQL processes exit");
    // The pid may be in use for a while, and a new PostgreSQL would conclude that the old one still runs.
    rmSync(`${this.data}/postmaster.pid`, { force: true });
  }

  /** SIGKILL to one backend: PostgreSQL then terminates all others and recovers. */
  killBackend(pid) {
    if (childrenOf(this.postmaster()).includes(pid)) kill(pid);
  }

  postmaster() {
    return Number(readFileSync(`${this.data}/postmaster.pid`, "utf8").split("\n")[0]);
  }

  async #ctl(...args) {
    const command = [`${this.bin}/pg_ctl`, ...args, "-D", this.data];
    if (this.user) {
      const group = execFileSync("id", ["-g", this.user], { encoding: "utf8" }).trim();
      command.unshift("setpriv", `--reuid=${this.user}`, `--regid=${group}`, "--init-groups");
    }
    const child = spawn(command[0], command.slice(1), { cwd: "/", stdio: "ignore" });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`pg_ctl ${args[0]} exited with ${code}; log: ${this.tail()}`);
  }

  tail() {
    return readFileSync(`${this.dir}/log`, "utf8").split("\n").slice(-15).join("\n");
  }
}

function childrenOf(parent) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => stat(pid)?.parent === parent);
}

/** State and parent of a process, or undefined if it does not exist. */
function stat(pid) {
  try {
    // The process name, in parentheses, may contain any character.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

const isAlive = (pid) => ![undefined, "Z", "X"].includes(stat(pid)?.state);

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

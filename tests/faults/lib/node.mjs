// One server of the cluster, which faults stop, kill, freeze and restart.
import { Server } from "../../e2e/lib/server.mjs";

/** The limits of docs/ARCHITECTURE.md for a shutdown, 1 s for sockets and 5 s for requests, plus time for a busy machine. */
const STOPPING_MS = 12_000;

export class Node {
  #server = null;
  #past = [];
  #expected = new WeakSet();
  /** Violations by a server: it exited unexpectedly, or did not exit on SIGTERM. */
  defects = [];

  constructor(name, databaseUrl, env = {}) {
    this.name = name;
    this.databaseUrl = databaseUrl;
    this.env = env;
  }

  /** The port, or null while there is no process. */
  get port() {
    return this.#server?.port ?? null;
  }

  get url() {
    return this.#server?.url ?? null;
  }

  get pid() {
    return this.#server?.child.pid;
  }

  /** Every process of this node so far. */
  get servers() {
    return this.#server ? [...this.#past, this.#server] : this.#past;
  }

  async start(env = {}) {
    const settings = { SYNCSCRIPT_LOG: "warn,syncscript=info,syncscript::http=warn", ...this.env, ...env };
    const server = await Server.start({ database: { url: this.databaseUrl }, env: settings });
    server.exit.then(({ code, signal }) => {
      if (!this.#expected.has(server)) this.#defect(`exited unexpectedly with ${code ?? signal}`, server);
    });
    this.#server = server;
  }

  async kill() {
    const server = this.#retire();
    await server?.end("SIGKILL");
  }

  /** Stops the server as an operator does: it must exit with code 0 within the stated time. */
  async terminate() {
    const server = this.#retire();
    if (!server) return;
    const startedAt = performance.now();
    try {
      const { code, signal } = await server.end("SIGTERM");
      const took = Math.round(performance.now() - startedAt);
      if (code !== 0) this.#defect(`exited with ${code ?? signal} after SIGTERM`, server);
      if (took > STOPPING_MS) this.#defect(`took ${took} ms to exit after SIGTERM`, server);
    } catch (error) {
      this.#defect(`did not exit after SIGTERM: ${error.message}`, server);
      await server.end("SIGKILL");
    }
  }

  freeze() {
    this.#server?.child.kill("SIGSTOP");
  }

  thaw() {
    this.#server?.child.kill("SIGCONT");
  }

  #retire() {
    const server = this.#server;
    if (server) {
      this.#expected.add(server);
      this.#past.push(server);
    }
    this.#server = null;
    return server;
  }

  #defect(what, server) {
    this.defects.push(`server ${this.name} ${what}\n${server.tail()}`);
  }

  /** The lines of all logs that match `pattern`. */
  logLines(pattern) {
    return this.servers.flatMap(({ stderr }) => stderr.filter((line) => pattern.test(line)));
  }
}

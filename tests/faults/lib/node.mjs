// One server of the cluster, that is stopped, killed, frozen and started again.
import { Server } from "../../e2e/lib/server.mjs";

/** SIGTERM may take as long as docs/ARCHITECTURE.md says, 1 s for sockets and 5 s for requests; and some for the machine. */
const STOPPING_MS = 12_000;

export class Node {
  #server = null;
  #past = [];
  #expected = new WeakSet();
  /** What a server did that it never may: end by itself, or not end when told to. */
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

  /** Every process there was. */
  get servers() {
    return this.#server ? [...this.#past, this.#server] : this.#past;
  }

  async start(env = {}) {
    const settings = { SYNCSCRIPT_LOG: "warn,syncscript=info,syncscript::http=warn", ...this.env, ...env };
    const server = await Server.start({ database: { url: this.databaseUrl }, env: settings });
    server.exit.then(({ code, signal }) => {
      if (!this.#expected.has(server)) this.#defect(`ended by itself, with ${code ?? signal}`, server);
    });
    this.#server = server;
  }

  async kill() {
    const server = this.#retire();
    await server?.end("SIGKILL");
  }

  /** Ends it as an operator would: exit code 0 within the time that is stated. */
  async terminate() {
    const server = this.#retire();
    if (!server) return;
    const begun = performance.now();
    try {
      const { code, signal } = await server.end("SIGTERM");
      const took = Math.round(performance.now() - begun);
      if (code !== 0) this.#defect(`ended with ${code ?? signal} after SIGTERM`, server);
      if (took > STOPPING_MS) this.#defect(`took ${took} ms to end after SIGTERM`, server);
    } catch (error) {
      this.#defect(`did not end after SIGTERM: ${error.message}`, server);
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

  /** Lines of all logs that contain `text`. */
  said(text) {
    return this.servers.flatMap(({ stderr }) => stderr.filter((line) => line.includes(text)));
  }
}

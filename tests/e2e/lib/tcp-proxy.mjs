// A TCP proxy between two programs, which a test can stall and cut.
import { once } from "node:events";
import net from "node:net";

export class TcpProxy {
  /** `{after, action}`: what happens to a websocket after the server has sent `after` chunks: "cut" or "swallow". */
  websocketFault = null;
  #pairs = new Set();
  #held = false;

  constructor(server, port) {
    this.server = server;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Forwards connections to `targetPort`. With `port` 0 it listens on any free port. */
  static async start(targetPort, port = 0) {
    const server = net.createServer({ allowHalfOpen: true });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const proxy = new TcpProxy(server, server.address().port);
    proxy.targetPort = targetPort;
    server.on("connection", (near) => proxy.#connect(near));
    return proxy;
  }

  #connect(near) {
    const far = net.connect({ port: this.targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.pipe(other);
      one.on("error", () => {});
      one.once("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    near.setNoDelay(true);
    near.once("data", (chunk) => {
      if (this.websocketFault && /^upgrade: websocket/im.test(chunk.toString())) injectFault(pair, this.websocketFault);
    });
    if (this.#held) hold(pair);
  }

  /** Stops reading from the server, on existing and new connections. The other direction continues. */
  hold() {
    this.#held = true;
    this.#pairs.forEach(hold);
  }

  /** Forwards everything again. */
  release() {
    this.#held = false;
    for (const { near, far } of this.#pairs) far.pipe(near);
  }

  /** Cuts every connection. */
  cut() {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** The number of open connections. */
  get size() {
    return this.#pairs.size;
  }

  /** The local ports of the connections to the target. */
  get upstreamPorts() {
    return [...this.#pairs].map(({ far }) => far.localPort);
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }
}

function injectFault(pair, { after, action }) {
  let chunks = 0;
  pair.far.on("data", () => {
    if (++chunks !== after) return;
    if (action === "swallow") return hold(pair);
    pair.near.destroy();
    pair.far.destroy();
  });
}

function hold({ near, far }) {
  far.unpipe(near);
  far.pause();
}

/** Returns a port on which nobody listens. */
export async function findFreePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

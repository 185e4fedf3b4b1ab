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
    server.on("connection", (client) => proxy.#connect(client));
    return proxy;
  }

  #connect(client) {
    const upstream = net.connect({ port: this.targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const pair = { client, upstream };
    this.#pairs.add(pair);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ]) {
      one.pipe(other);
      one.on("error", () => {});
      one.once("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
    client.setNoDelay(true);
    client.once("data", (chunk) => {
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
    for (const { client, upstream } of this.#pairs) upstream.pipe(client);
  }

  /** Cuts every connection. */
  cut() {
    for (const { client, upstream } of this.#pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  /** The number of open connections. */
  get size() {
    return this.#pairs.size;
  }

  /** The local ports of the connections to the target. */
  get upstreamPorts() {
    return [...this.#pairs].map(({ upstream }) => upstream.localPort);
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }
}

function injectFault(pair, { after, action }) {
  let chunks = 0;
  pair.upstream.on("data", () => {
    if (++chunks !== after) return;
    if (action === "swallow") return hold(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  });
}

function hold({ client, upstream }) {
  upstream.unpipe(client);
  upstream.pause();
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

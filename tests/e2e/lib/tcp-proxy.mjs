// A TCP proxy: the network between two programs, which a test can hold up and cut.
import { once } from "node:events";
import net from "node:net";

export class TcpProxy {
  /** What is done to a connection that becomes a websocket, once the server has sent so many chunks on it. */
  sabotage = null;
  #pairs = new Set();
  #held = false;

  constructor(server, port) {
    this.server = server;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Passes connections on to `targetPort`. `port` 0 takes any free one. */
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
      if (this.sabotage && /^upgrade: websocket/im.test(chunk.toString())) this.#sabotage(pair, this.sabotage);
    });
    if (this.#held) hold(pair);
  }

  #sabotage(pair, { after, deed }) {
    let chunks = 0;
    pair.far.on("data", () => {
      if (++chunks !== after) return;
      if (deed === "swallow") return hold(pair);
      pair.near.destroy();
      pair.far.destroy();
    });
  }

  /** Reads nothing more of what the server sends, on connections of now and later. The other direction goes on. */
  hold() {
    this.#held = true;
    this.#pairs.forEach(hold);
  }

  /** Lets everything through again. */
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

  /** How many connections are open. */
  get size() {
    return this.#pairs.size;
  }

  /** The proxy's own ports of its connections to the target. */
  get upstreamPorts() {
    return [...this.#pairs].map(({ far }) => far.localPort);
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }
}

function hold({ near, far }) {
  far.unpipe(near);
  far.pause();
}

/** A port on which nobody listens. */
export async function findFreePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// A TCP proxy between one client and the servers that injects network faults.
//
// Each direction has a mode: "flow"; "hold" (the proxy reads nothing, so buffers fill up to the sender, as with a
// stalled reader); or "swallow" (the proxy acknowledges bytes and discards them). A connection that lost bytes cannot
// continue, so it is reset when "swallow" ends.
//
// Every fault except a plain cut lasts until `restore`.
import { once } from "node:events";
import net from "node:net";

export class FaultProxy {
  #server;
  #pairs = new Set();
  #modes = { up: "flow", down: "flow" };
  #open = true;
  /** The number of bytes that may still pass in each direction before all connections are cut. */
  #budget = { up: Infinity, down: Infinity };
  #budgetSpent = false;
  /** The number of bytes from the server after which a websocket is cut. */
  #websocketBudget = Infinity;
  /** The number of connections made so far. */
  connections = 0;
  /** The target of new connections: any object with a `port`, which is null while the node is down. */
  node;

  static async to(node) {
    const proxy = new FaultProxy();
    proxy.node = node;
    proxy.#server = net.createServer({ allowHalfOpen: true }, (client) => proxy.#accept(client));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.port = proxy.#server.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  /** Closes every connection: by a reset, or in order. */
  cut({ orderly = false } = {}) {
    for (const pair of [...this.#pairs]) close(pair, orderly);
  }

  /** Cuts every connection after that many more bytes in one direction, even within a frame or a response. */
  cutAfter(direction, bytes) {
    this.#budgetSpent = false;
    this.#budget[direction] = bytes;
  }

  /** Cancels a pending `cutAfter`. Returns whether the cut already happened. */
  cancelCut() {
    this.#budget = { up: Infinity, down: Infinity };
    return this.#budgetSpent;
  }

  /** Cuts all connections and refuses new ones until `connect`. */
  disconnect() {
    this.#open = false;
    this.cut();
  }

  connect() {
    this.#open = true;
  }

  /** Sets the mode of each direction, for existing and new connections. */
  setModes({ up = "flow", down = "flow" }) {
    this.#modes = { up, down };
    for (const pair of [...this.#pairs]) {
      if (pair.lost && up === "flow" && down === "flow") close(pair);
      else this.#apply(pair);
    }
  }

  /** Existing connections swallow everything from now on and are never reset; new connections work. */
  blackhole() {
    for (const pair of this.#pairs) pair.silent = pair.lost = true;
  }

  /** Cuts websockets after that many bytes from the server; long polling works. */
  cutWebsocketsAfter(bytes) {
    this.#websocketBudget = bytes;
  }

  /** Ends the faults. */
  restore() {
    this.#websocketBudget = Infinity;
    this.setModes({});
  }

  /** Sends new connections to `node` and cuts the existing ones. */
  moveTo(node) {
    this.node = node;
    this.cut();
  }

  async close() {
    this.disconnect();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client) {
    const port = this.node.port;
    client.on("error", () => {});
    if (!this.#open || port === null) {
      client.resetAndDestroy();
      return;
    }
    this.connections++;
    const server = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    server.on("error", () => {});
    const pair = { client, server, lost: false, silent: false, closing: false, websocketLeft: undefined };
    this.#pairs.add(pair);
    this.#forward(pair, client, server, "up");
    this.#forward(pair, server, client, "down");
    for (const socket of [client, server]) {
      socket.once("close", () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    this.#apply(pair);
  }

  #forward(pair, from, to, direction) {
    const swallows = () => pair.silent || this.#modes[direction] === "swallow";
    from.on("data", (bytes) => {
      if (swallows()) pair.lost = true;
      else if (!pair.closing && !this.#spendBudget(pair, direction, bytes, to) && !to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (this.#modes[direction] !== "hold") from.resume();
    });
    from.on("end", () => {
      if (swallows()) pair.lost = true;
      else to.end();
    });
  }

  /** Counts bytes. Returns true if they exceed a budget; the bytes within the budget are sent before the cut. */
  #spendBudget(pair, direction, bytes, to) {
    if (direction === "up" && pair.websocketLeft === undefined)
      pair.websocketLeft = /\r\nupgrade: websocket\r\n/i.test(bytes) ? this.#websocketBudget : Infinity;
    this.#budget[direction] -= bytes.length;
    let left = this.#budget[direction];
    let cutPairs = [...this.#pairs];
    if (left < 0) {
      this.cancelCut();
      this.#budgetSpent = true;
    } else {
      if (direction === "up") return false;
      pair.websocketLeft -= bytes.length;
      if (!(pair.websocketLeft < 0)) return false;
      left = pair.websocketLeft;
      cutPairs = [pair];
    }
    for (const cutPair of cutPairs) cutPair.closing = true;
    to.write(bytes.subarray(0, bytes.length + left), () => cutPairs.forEach((cutPair) => close(cutPair)));
    return true;
  }

  #apply({ client, server }) {
    for (const [socket, mode] of [
      [client, this.#modes.up],
      [server, this.#modes.down],
    ]) {
      if (mode === "hold") socket.pause();
      else socket.resume();
    }
  }
}

function close({ client, server }, orderly = false) {
  for (const socket of [client, server]) {
    if (orderly) socket.end();
    else socket.resetAndDestroy();
  }
}

// The network between one client and the servers: a TCP proxy that does what networks do.
//
// Each direction either flows, is held (nothing is read, so buffers fill up to the sender, as before a reader that has
// stopped) or swallows (bytes are acknowledged and gone). A connection that lost bytes cannot flow on: it is reset when
// swallowing ends.
//
// Every fault but a plain cut lasts until `flow`.
import { once } from "node:events";
import net from "node:net";

export class Link {
  #server;
  #pairs = new Set();
  #modes = { up: "flow", down: "flow" };
  #open = true;
  /** Bytes that still pass each way before everything is cut. */
  #budget = { up: Infinity, down: Infinity };
  #tripped = false;
  /** Bytes after which a websocket is cut on its way to the client. */
  #ofWebsocket = Infinity;
  /** Connections made over it. */
  connections = 0;
  /** The node that new connections go to; any object with a `port`, null while it is down. */
  node;

  static async to(node) {
    const link = new Link();
    link.node = node;
    link.#server = net.createServer({ allowHalfOpen: true }, (client) => link.#accept(client));
    link.#server.listen(0, "127.0.0.1");
    await once(link.#server, "listening");
    link.port = link.#server.address().port;
    link.url = `http://127.0.0.1:${link.port}`;
    return link;
  }

  /** Ends every connection: by a reset, or in an orderly way. */
  cut({ orderly = false } = {}) {
    for (const pair of [...this.#pairs]) close(pair, orderly);
  }

  /** After so many more bytes in one direction, wherever in a frame or an answer that is, every connection is cut. */
  cutAfter(direction, bytes) {
    this.#tripped = false;
    this.#budget[direction] = bytes;
  }

  /** Forgets about such a cut if it has not happened. True if it has. */
  spare() {
    this.#budget = { up: Infinity, down: Infinity };
    return this.#tripped;
  }

  /** There is no network: connections are cut and refused, until `connect`. */
  disconnect() {
    this.#open = false;
    this.cut();
  }

  connect() {
    this.#open = true;
  }

  /** How each direction behaves from now on, connections of now and later alike. */
  set({ up = "flow", down = "flow" }) {
    this.#modes = { up, down };
    for (const pair of [...this.#pairs]) {
      if (pair.lost && up === "flow" && down === "flow") close(pair);
      else this.#apply(pair);
    }
  }

  /** The present connections swallow everything from now on and say nothing of it; new ones are well. */
  silence() {
    for (const pair of this.#pairs) pair.silent = pair.lost = true;
  }

  /** Websockets are cut after so many bytes of what the server answers; long polling passes. */
  cutWebsocketsAfter(bytes) {
    this.#ofWebsocket = bytes;
  }

  /** All is well. */
  flow() {
    this.#ofWebsocket = Infinity;
    this.set({});
  }

  /** New connections go to `node`; the present ones are cut. */
  move(node) {
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
    this.#pass(pair, client, server, "up");
    this.#pass(pair, server, client, "down");
    for (const socket of [client, server]) {
      socket.once("close", () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
    this.#apply(pair);
  }

  #pass(pair, from, to, direction) {
    const swallows = () => pair.silent || this.#modes[direction] === "swallow";
    from.on("data", (bytes) => {
      if (swallows()) pair.lost = true;
      else if (!pair.closing && !this.#trip(pair, direction, bytes, to) && !to.write(bytes)) from.pause();
    });
    to.on("drain", () => {
      if (this.#modes[direction] !== "hold") from.resume();
    });
    from.on("end", () => {
      if (swallows()) pair.lost = true;
      else to.end();
    });
  }

  /** Counts bytes; true if they are one too many. The last ones leave before the end: they are what makes it a cut. */
  #trip(pair, direction, bytes, to) {
    if (direction === "up" && pair.websocketLeft === undefined)
      pair.websocketLeft = /\r\nupgrade: websocket\r\n/i.test(bytes) ? this.#ofWebsocket : Infinity;
    let left = (this.#budget[direction] -= bytes.length);
    let doomed = [...this.#pairs];
    if (left < 0) {
      this.spare();
      this.#tripped = true;
    } else if (direction === "down" && (pair.websocketLeft -= bytes.length) < 0) {
      left = pair.websocketLeft;
      doomed = [pair];
    } else {
      return false;
    }
    for (const one of doomed) one.closing = true;
    to.write(bytes.subarray(0, bytes.length + left), () => doomed.forEach((one) => close(one)));
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

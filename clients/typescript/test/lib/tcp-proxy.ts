// A network between client and server, and what networks do.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[client: Socket, server: Socket]>();
  /** Connections made in the dark. */
  readonly #lost = new Set<Socket>();
  readonly #target: number;
  #stalled = false;
  #down = false;
  #dark = false;
  /** How many more bytes reach the client before all is cut. */
  #budget = Infinity;
  /** Connections that clients made so far. */
  connections = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  static async to(port: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, port);
    server.on("connection", (client) => proxy.#accept(client));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every connection is gone, at once and for both sides; new ones are possible. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) reset(socket);
    this.#pairs.clear();
    this.#budget = Infinity;
  }

  /** After so many more bytes towards the client, wherever in a frame that is, everything is cut. */
  cutAfter(bytes: number): void {
    this.#budget = bytes;
  }

  /** Cuts, and refuses new connections until `up`. */
  down(): void {
    this.#down = true;
    this.cut();
  }

  up(): void {
    this.#down = false;
  }

  /** Cuts; and whatever connects until `light` has connected to nothing, for ever. */
  dark(): void {
    this.#dark = true;
    this.cut();
  }

  light(): void {
    this.#dark = false;
  }

  /** Connections stay, and nothing passes, until `flow`. */
  stall(): void {
    this.#stalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  flow(): void {
    this.#stalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  close(): Promise<void> {
    this.down();
    for (const client of this.#lost) client.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (this.#down) {
      reset(client);
      return;
    }
    this.connections++;
    if (this.#dark) {
      client.on("error", () => {});
      client.resume();
      this.#lost.add(client);
      return;
    }
    const server = connect(this.#target, "127.0.0.1");
    const pair: [Socket, Socket] = [client, server];
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        server.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#stalled) socket.pause();
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => this.#towardsClient(client, data));
  }

  #towardsClient(client: Socket, data: Buffer): void {
    if (data.length < this.#budget) {
      this.#budget -= data.length;
      client.write(data);
      return;
    }
    // The last bytes leave before the end: else nothing of the frame would arrive, which is another fault.
    const last = data.subarray(0, this.#budget);
    this.#budget = 0;
    this.#budget = 0;
    client.write(last, () => this.cut());
  }
}

/**
 * Ends a connection as a failing network does, not in order. Node 20 never closes a socket that is reset while it is
 * being shut down or connected, and then spins for ever at the end of the process; so those are closed in order.
 */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

// A TCP proxy between client and server that simulates network faults.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<[client: Socket, server: Socket]>();
  /** Connections accepted during a black hole. */
  readonly #blackholed = new Set<Socket>();
  readonly #target: number;
  #stalled = false;
  #down = false;
  #blackhole = false;
  /** Bytes that still reach the client before everything is cut. */
  #bytesUntilCut = Infinity;
  /** Number of connections that clients have made. */
  connections = 0;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  static async start(port: number): Promise<TcpProxy> {
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

  /** Resets every connection on both sides. New connections are accepted. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) reset(socket);
    this.#pairs.clear();
    this.#bytesUntilCut = Infinity;
  }

  /** Cuts everything after `bytes` more bytes towards the client, even in the middle of a frame. */
  cutAfter(bytes: number): void {
    this.#bytesUntilCut = bytes;
  }

  /** Cuts everything and refuses new connections until `up`. */
  down(): void {
    this.#down = true;
    this.cut();
  }

  up(): void {
    this.#down = false;
  }

  /** Cuts everything. Connections made until `endBlackhole` are accepted but never reach the server. */
  startBlackhole(): void {
    this.#blackhole = true;
    this.cut();
  }

  endBlackhole(): void {
    this.#blackhole = false;
  }

  /** Keeps the connections open but passes no data until `resume`. */
  stall(): void {
    this.#stalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  resume(): void {
    this.#stalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  close(): Promise<void> {
    this.down();
    for (const client of this.#blackholed) client.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (this.#down) {
      reset(client);
      return;
    }
    this.connections++;
    if (this.#blackhole) {
      client.on("error", () => {});
      client.resume();
      this.#blackholed.add(client);
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
    if (data.length < this.#bytesUntilCut) {
      this.#bytesUntilCut -= data.length;
      client.write(data);
      return;
    }
    // The last bytes are sent before the cut. Otherwise no part of the frame would arrive, which is a different fault.
    const last = data.subarray(0, this.#bytesUntilCut);
    this.#bytesUntilCut = 0;
    client.write(last, () => this.cut());
  }
}

/**
 * Resets a connection, as a failing network does. A socket that is connecting or shutting down is closed gracefully
 * instead: Node 20 never closes such a socket after a reset, and then spins indefinitely at the end of the process.
 */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

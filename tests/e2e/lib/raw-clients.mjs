// Clients without a library, which do what the official client never does: stop reading, stop polling, vanish halfway.
import assert from "node:assert/strict";
import net from "node:net";
import { EventRecord } from "./event-record.mjs";
import { eventually, withDeadline } from "./wait.mjs";

/** Opens a TCP connection to a port of this machine. */
export async function dial(port) {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
  // Tests check the outcome by the `close` event.
  socket.on("error", () => {});
  await withDeadline(
    new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject)),
    `a connection to port ${port}`,
  );
  return socket;
}

/** Resolves when the connection is closed in any way. (`once` of node:events rejects on a reset.) */
export const waitForClose = (socket) => new Promise((resolve) => socket.once("close", () => resolve(true)));

/** Encodes one message to the server as one frame. `fin` and `opcode` split a message into several frames. */
export function encodeFrame(text, { opcode = 1, fin = true } = {}) {
  const payload = Buffer.from(text);
  const first = (fin ? 0x80 : 0) | opcode;
  let head;
  if (payload.length < 126) head = Buffer.from([first, 0x80 | payload.length]);
  else if (payload.length < 65536) head = Buffer.from([first, 0xfe, payload.length >> 8, payload.length & 255]);
  else {
    head = Buffer.alloc(10);
    head.set([first, 0xff]);
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  // A key of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** A Socket.IO client over a plain websocket. It answers pings while it reads. */
export class RawSocket extends EventRecord {
  #unread = Buffer.alloc(0);

  constructor(socket) {
    super();
    this.socket = socket;
    this.localPort = socket.localPort;
    this.closed = waitForClose(socket);
    socket.on("data", (chunk) => this.#read(chunk));
  }

  /** Connects and completes the websocket handshake. `sid` is a session that started by polling, to be upgraded. */
  static async dial(server, cookie, sid) {
    const socket = await dial(server.port);
    const head = [
      `GET /socket.io/?EIO=4&transport=websocket${sid ? `&sid=${sid}` : ""} HTTP/1.1`,
      `Host: 127.0.0.1:${server.port}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      ...(cookie ? [`Cookie: ${cookie}`] : []),
    ];
    const client = new RawSocket(socket);
    const answered = client.until(() => client.latest.head, "the handshake response");
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    assert.match(await answered, /^HTTP\/1\.1 101 /);
    return client;
  }

  /** Connects to the namespace. */
  static async connect(server, cookie) {
    const client = await RawSocket.dial(server, cookie);
    client.send("40");
    await client.until(() => client.latest.connect, "the connection");
    return client;
  }

  /** Sends one Engine.IO packet. */
  send(packet) {
    this.socket.write(encodeFrame(packet));
  }

  emit(name, data) {
    this.send(`42${JSON.stringify([name, data])}`);
  }

  async join(vaultId, after) {
    delete this.latest["vault:joined"];
    this.emit("vault:join", { vaultId, ...(after !== undefined && { after }) });
    return this.until(() => this.latest["vault:joined"], "vault:joined");
  }

  /** Stops reading: the kernel's buffers fill up, then the server's. */
  stopReading() {
    this.socket.pause();
  }

  resumeReading() {
    this.socket.resume();
  }

  /** From now on pauses for `ms` milliseconds after each chunk, which is at most 64 kB. */
  readSlowly(ms) {
    this.socket.on("data", () => {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), ms);
    });
  }

  destroy() {
    this.socket.destroy();
  }

  #read(chunk) {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (!this.latest.head) {
      const end = this.#unread.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.add("head", this.#unread.subarray(0, end).toString());
      this.#unread = this.#unread.subarray(end + 4);
    }
    for (;;) {
      const { text, opcode, size } = this.#frame() ?? {};
      if (size === undefined) return;
      this.#unread = this.#unread.subarray(size);
      if (opcode === 1) this.#packet(text.toString());
      else this.add("frame", opcode);
    }
  }

  /** Parses the first complete frame of the unread bytes. The server does not split messages. */
  #frame() {
    const bytes = this.#unread;
    if (bytes.length < 2) return null;
    const short = bytes[1] & 0x7f;
    const start = { 126: 4, 127: 10 }[short] ?? 2;
    if (bytes.length < start) return null;
    const length =
      { 126: () => bytes.readUInt16BE(2), 127: () => Number(bytes.readBigUInt64BE(2)) }[short]?.() ?? short;
    if (bytes.length < start + length) return null;
    return { opcode: bytes[0] & 0xf, text: bytes.subarray(start, start + length), size: start + length };
  }

  #packet(packet) {
    if (packet === "2") this.send("3");
    else addPacket(this, packet);
  }
}

/** Adds one Engine.IO packet to the record. */
function addPacket(record, packet) {
  if (packet.startsWith("42")) record.add(...JSON.parse(packet.slice(2)));
  else if (packet.startsWith("40")) record.add("connect", JSON.parse(packet.slice(2)).sid);
  else if (packet.startsWith("44")) record.add("connect_error", JSON.parse(packet.slice(2)).message);
  else if (packet.startsWith("0")) record.add("open", JSON.parse(packet.slice(1)));
  else record.add("packet", packet);
}

/** A long-polling client that polls only on request. */
export class Poller extends EventRecord {
  /** The status of each poll. */
  statuses = [];

  constructor(server, cookie) {
    super();
    this.base = `${server.url}/socket.io/?EIO=4&transport=polling`;
    this.headers = cookie ? { cookie } : {};
  }

  /** Connects to the namespace. */
  static async connect(server, cookie) {
    const client = await Poller.open(server, cookie);
    await client.send("40");
    await client.pollUntil(() => client.latest.connect, "the connection");
    return client;
  }

  /** Opens an Engine.IO session, without joining a namespace. */
  static async open(server, cookie) {
    const client = new Poller(server, cookie);
    await client.poll();
    assert.equal(client.statuses.at(-1), 200, "the handshake");
    client.sid = client.latest.open.sid;
    client.base += `&sid=${client.sid}`;
    return client;
  }

  /** Polls once and returns the status. */
  async poll() {
    const response = await fetch(this.base, { headers: this.headers, signal: AbortSignal.timeout(60_000) });
    const text = await response.text();
    this.statuses.push(response.status);
    for (const packet of response.ok ? text.split("\x1e") : []) {
      if (packet === "2") await this.send("3");
      else if (packet !== "") addPacket(this, packet);
    }
    return response.status;
  }

  /** Polls until `condition()` is truthy. Every poll must succeed. */
  async pollUntil(condition, what) {
    return eventually(async () => {
      if (!condition()) assert.equal(await this.poll(), 200, `a poll while waiting for ${what}`);
      return condition();
    }, what);
  }

  /** Sends one packet and returns the status. */
  async send(packet) {
    const response = await fetch(this.base, { method: "POST", headers: this.headers, body: packet });
    await response.text();
    return response.status;
  }

  emit(name, data) {
    return this.send(`42${JSON.stringify([name, data])}`);
  }

  /** Whether the server rejects the session. A POST, unlike a poll, shows it without draining the session's buffer. */
  async isRejected() {
    const status = await this.send("3");
    assert.ok(status === 200 || status === 400, `the status of a POST: ${status}`);
    return status === 400;
  }

  async join(vaultId, after) {
    delete this.latest["vault:joined"];
    await this.emit("vault:join", { vaultId, ...(after !== undefined && { after }) });
    return this.pollUntil(() => this.latest["vault:joined"], "vault:joined");
  }
}

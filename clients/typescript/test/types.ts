// Checked by the compiler only. Code that must not compile is marked; an unused mark is an error itself.
import { type Source, VaultClient, type VaultEvent, type VaultSocket } from "@syncscript/client";

declare const socket: VaultSocket;
declare const event: VaultEvent;

socket.on("source:created", ({ source, seq }) => source.version + seq);
// @ts-expect-error The server sends no event of this name.
socket.on("source:create", () => {});
// @ts-expect-error This payload has no source, only its id.
socket.on("source:deleted", ({ source }) => source);

socket.emit("source:created", { vaultId: "v", title: "t", fileUrl: "https://example.test/" }, (ack) => {
  // @ts-expect-error `ok` must be checked first.
  void ack.source;
  const source: Source | string = ack.ok ? ack.source : ack.code;
  return source;
});
// @ts-expect-error Clients send no event of this name.
socket.emit("source:removed", { sourceId: "s" });
// @ts-expect-error A source needs a title.
socket.emit("source:created", { vaultId: "v", fileUrl: "https://example.test/" });
// @ts-expect-error Only the server sends this event.
socket.emit("vault:joined", { vaultId: "v", role: "owner", seq: 1 });
socket.emit("vault:join", { vaultId: "v", after: 7 }, (ack) => ack.ok && "seq" in ack && ack.seq);

switch (event.type) {
  case "source:updated":
    event.source satisfies Source;
    break;
  case "member:removed":
    event.userId satisfies string;
    break;
  // @ts-expect-error No event has this type.
  case "vault:renamed":
    break;
}

const client = new VaultClient("https://sync.example.test", { socket: { path: "/live/" } });
client.watch("v", { onEvent: ({ seq }) => void seq, reload: () => Promise.resolve(1) }, { after: 1 });
// @ts-expect-error The reload handler is required.
client.watch("v", { onEvent: () => {} });

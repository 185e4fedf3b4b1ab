// Checked by the compiler alone: what must not compile is marked so, and an unused mark is an error itself.
import { type Source, VaultClient, type VaultEvent, type VaultSocket } from "@syncscript/client";

declare const socket: VaultSocket;
declare const event: VaultEvent;

socket.on("source:created", ({ source, seq }) => source.version + seq);
// @ts-expect-error There is no event of this name to hear.
socket.on("source:create", () => {});
// @ts-expect-error This payload has no source, only its id.
socket.on("source:deleted", ({ source }) => source);

socket.emit("source:created", { vaultId: "v", title: "t", fileUrl: "https://example.test/" }, (answer) => {
  // @ts-expect-error Whether it was done must be asked first.
  void answer.source;
  const source: Source | string = answer.ok ? answer.source : answer.code;
  return source;
});
// @ts-expect-error There is no event of this name to send.
socket.emit("source:removed", { sourceId: "s" });
// @ts-expect-error A source needs a title.
socket.emit("source:created", { vaultId: "v", fileUrl: "https://example.test/" });
// @ts-expect-error Clients do not send what the server says.
socket.emit("vault:joined", { vaultId: "v", role: "owner", seq: 1 });
socket.emit("vault:join", { vaultId: "v", after: 7 }, (answer) => answer.ok && "seq" in answer && answer.seq);

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
// @ts-expect-error Without a reload, there would be holes.
client.watch("v", { onEvent: () => {} });

import { LiveVault, VaultClient } from "@syncscript/client";

const list = document.querySelector("ul")!;
const status = document.querySelector("output")!;

const client = new VaultClient(); // connects to the page's own origin; or new VaultClient("https://sync.example.com")
new LiveVault(client, location.hash.slice(1), {
  onChange({ sources }) {
    list.replaceChildren(...[...sources.values()].map((source) => item(source.title)));
  },
  onState(state) {
    status.value = state.status;
    if (state.status === "session-ended") location.assign("/login");
  },
});
const item = (text: string) => Object.assign(document.createElement("li"), { textContent: text });

import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [tailwindcss()],
  resolve: {
    // From its source: a fresh checkout has no build of the client, and needs none for the page.
    alias: { "@syncscript/client": new URL("../clients/typescript/src/index.ts", import.meta.url).pathname },
    // The client's own installation, if there is one, must not bring a second socket.io-client.
    dedupe: ["socket.io-client"],
  },
  build: {
    target: "es2022",
    // The server's policy allows no data: scripts or styles, so nothing small is inlined.
    assetsInlineLimit: 0,
    // The page is one script, loaded by the document itself: there is nothing to preload.
    modulePreload: false,
  },
});

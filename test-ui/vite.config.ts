import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [tailwindcss()],
  resolve: {
    // The client is compiled from its source, because a fresh checkout has no build of it.
    alias: { "@syncscript/client": new URL("../clients/typescript/src/index.ts", import.meta.url).pathname },
    // The client may have its own node_modules, which must not add a second socket.io-client.
    dedupe: ["socket.io-client"],
  },
  build: {
    target: "es2022",
    // The Content-Security-Policy allows no scripts or styles in data: URLs, so small files are not inlined.
    assetsInlineLimit: 0,
    // The document loads a single script, so there is nothing to preload.
    modulePreload: false,
  },
});

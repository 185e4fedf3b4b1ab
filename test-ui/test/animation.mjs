// Records the animation at the top of the README from the real server and real browsers: `npm run animation`.
//
// Two users have the same vault open. The network of the left window is cut (a TCP proxy between that browser and the
// server stops), the right window keeps working, the network returns. Writes docs/screenshots/survives.webp and a still image
// for readers who prefer reduced motion. Needs ffmpeg; the font Inter (Debian: fonts-inter) looks best.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openContext, openVault, sourceRow, waitForConnection } from "./lib/browser.mjs";
import { preferInter } from "./lib/picture.mjs";
import { startWorld } from "./lib/world.mjs";

const OUT = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const WINDOW = { width: 560, height: 850 };
const STAGE = { width: 1184, height: 960 };

preferInter();
const world = await startWorld();
const network = await startNetwork(world.server.port);
const frames = mkdtempSync(join(tmpdir(), "animation-"));
const list = [];
try {
  const [owner, contributor] = await Promise.all(["Olivia Owner", "Carl Contributor"].map(world.signUp));
  const vault = await owner.createVault("Reading list");
  await owner.addMember(vault, contributor, "contributor");
  await owner.addSource(vault, "RFC 9110: HTTP Semantics", "https://www.rfc-editor.org/rfc/rfc9110.pdf");
  await contributor.addSource(vault, "Socket.IO protocol, revision 5", "https://socket.io/docs/v4/socket-io-protocol/");

  const open = async (user, url) =>
    openVault(await openContext(world.browser, { url, user, viewport: WINDOW, colorScheme: "light" }), url, vault);
  const left = await open(owner, network.url);
  const right = await open(contributor, world.url);
  const stage = await (await world.browser.newContext({ viewport: STAGE })).newPage();

  const show = (caption, ms, cut = false) => frame(stage, { left, right, caption, cut, ms });
  const add = async (title) => {
    const source = await contributor.addSource(vault, title, "https://example.com/paper.pdf");
    await sourceRow(right, title).waitFor();
    return source;
  };

  await show("Two people have the same vault open.", 1800);
  await add("Time, Clocks, and the Ordering of Events");
  await sourceRow(left, "Time, Clocks, and the Ordering of Events").waitFor();
  await show("A source added on the right appears on the left.", 2400);

  network.cut();
  await left
    .getByTestId("connection")
    .getByText(/^Reconnecting, attempt [1-9]/)
    .waitFor();
  await show("The left window loses its network.", 2000, true);
  for (const title of [
    "Life beyond Distributed Transactions",
    "RFC 9562: UUIDs",
    "Designing Data-Intensive Applications",
  ]) {
    await add(title);
    await show("Work goes on in the right window.", 1100, true);
  }
  await pause(2000);
  await show("Work goes on in the right window.", 900, true);
  await still();

  await network.restore();
  await sourceRow(left, "Designing Data-Intensive Applications").waitFor();
  await waitForConnection(left, `Connected to vault-${vault.id}`);
  await pause(200);
  await show("The network returns: everything that was missed is there, in order.", 4200);
  encode();
} finally {
  network.close();
  await world.close();
  rmSync(frames, { recursive: true });
}

/** One frame: both windows, as they are now, on a page with a frame and a caption. */
async function frame(stage, { left, right, caption, cut, ms }) {
  const [a, b] = await Promise.all([left, right].map(async (page) => (await page.screenshot()).toString("base64")));
  const window = (title, image, off) => `
    <figure class="${off ? "off" : ""}"><figcaption><i></i><i></i><i></i><b>${title}</b>${off ? "<em>no network</em>" : ""}</figcaption>
      <img src="data:image/png;base64,${image}" width="${WINDOW.width}" height="${WINDOW.height}"></figure>`;
  await stage.setContent(`<style>
    body { margin: 0; padding: 14px 20px; width: ${STAGE.width - 40}px; font: 15px Inter, system-ui, sans-serif; background: #fff; color: #1e293b }
    main { display: flex; gap: 16px } figure { margin: 0; border: 2px solid #cbd5e1; border-radius: 8px; overflow: hidden }
    figcaption { display: flex; gap: 6px; align-items: center; height: 34px; padding: 0 12px; background: #e2e8f0 }
    i { width: 11px; height: 11px; border-radius: 50%; background: #94a3b8 } b { margin-left: 8px; font-weight: 600 }
    .off { border-color: #dc2626 } .off figcaption { background: #fee2e2 } em { margin-left: auto; color: #b91c1c; font-style: normal; font-weight: 600 }
    img { display: block } p { margin: 12px 0 0; text-align: center; font-size: 19px }
  </style><main>${window("Olivia", a, cut)}${window("Carl", b, false)}</main><p>${caption}</p>`);
  const path = join(frames, `${list.length}.png`);
  await stage.screenshot({ path });
  list.push({ path, ms });
}

/** The last frame so upstream, for readers who prefer reduced motion. */
function still() {
  const target = `${OUT}survives-still.webp`;
  ffmpeg(["-i", list.at(-1).path, "-vf", "scale=960:-1:flags=lanczos", "-c:v", "libwebp", "-quality", "80", target]);
}

function encode() {
  const target = `${OUT}survives.webp`;
  const entries = list.map(({ path, ms }) => `file '${path}'\nduration ${ms / 1000}\n`).join("");
  writeFileSync(join(frames, "list.txt"), `${entries}file '${list.at(-1).path}'\n`);
  ffmpeg([
    ...["-f", "concat", "-safe", "0", "-i", join(frames, "list.txt"), "-vf", "scale=960:-1:flags=lanczos,fps=10"],
    ...["-c:v", "libwebp_anim", "-quality", "80", "-compression_level", "6", "-loop", "0", target],
  ]);
}

function ffmpeg(args) {
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", ...args], { stdio: "inherit" });
  console.log(`${args.at(-1)}: ${Math.round(statSync(args.at(-1)).size / 1000)} kB`);
}

/** A network between a browser and the server: a TCP proxy that can be cut and restored on the same port. */
async function startNetwork(serverPort) {
  const sockets = new Set();
  let server;
  const listen = (port) =>
    new Promise((resolve) => {
      server = createServer((client) => {
        const upstream = connect(serverPort, "127.0.0.1");
        for (const [socket, other] of [
          [client, upstream],
          [upstream, client],
        ]) {
          sockets.add(socket);
          socket.pipe(other);
          socket.on("error", () => {});
          socket.once("close", () => {
            sockets.delete(socket);
            other.destroy();
          });
        }
      }).listen(port, "127.0.0.1", () => resolve(server.address().port));
    });
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const port = await listen(0);
  return { url: `http://127.0.0.1:${port}`, cut, restore: () => listen(port), close: cut };
}

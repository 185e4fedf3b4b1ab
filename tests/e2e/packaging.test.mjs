// Packaging: Dockerfile, compose.yaml, the systemd unit and the proxy configurations agree with the code; completions, man
// pages and build info work. These tests do not build an image.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Metrics } from "./lib/metrics.mjs";
import { run } from "./lib/process.mjs";
import { OUTBOX_WORKER_BIN, SYNCSCRIPT_BIN } from "./lib/settings.mjs";
import { PATH, requireTool } from "./lib/tools.mjs";
import { World } from "./lib/world.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => readFileSync(join(ROOT, path), "utf8");
const PROGRAMS = { syncscript: SYNCSCRIPT_BIN, "outbox-worker": OUTBOX_WORKER_BIN };

const tool = (name, args, options = {}) =>
  spawnSync(name, args, { encoding: "utf8", timeout: 30_000, ...options, env: { ...process.env, PATH } });

function scratch(t) {
  const directory = mkdtempSync(join(tmpdir(), "syncscript-packaging-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function stdoutOf(program, ...args) {
  const { code, stdout, stderr } = await run(program, args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The instructions of the Dockerfile, each on one line. */
const instructions = () =>
  read("Dockerfile")
    .replaceAll(/^\s*#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter(Boolean);
const of = (name) =>
  instructions()
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1));
const image = (name, text = read("Dockerfile")) => new RegExp(`(?:FROM|image:) ${name}:(\\S+)`).exec(text)?.[1] ?? "";

describe("Dockerfile", () => {
  test("copies only existing paths, and .dockerignore allows exactly these", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const sources = of("COPY")
      .filter((line) => !line.startsWith("--from"))
      .flatMap((line) => line.split(" ").slice(0, -1));
    assert.ok(sources.length > 5);
    for (const source of sources) assert.ok(existsSync(join(ROOT, source)), `${source} exists`);
    assert.deepEqual(allowed.toSorted(), sources.toSorted());
  });

  test("copies every crate of the workspace, the migrations and the query data", () => {
    const copied = of("COPY").flatMap((line) => line.split(" "));
    const members = JSON.parse(/^members = (.*)$/m.exec(read("Cargo.toml"))[1]);
    for (const part of [...members, ".sqlx", "migrations", "src"]) assert.ok(copied.includes(part), part);
  });

  test("uses the versions that the code requires, and one Debian release", () => {
    const [rust, debian] = image("rust").split("-");
    assert.equal(rust, /^rust-version = "(.*)"/m.exec(read("Cargo.toml"))[1]);
    assert.equal(image("debian"), `${debian}-slim`, "build and runtime use the same C library");
    const oldest = /^PAGES_NODE_OLDEST=(\d+)/m.exec(read("scripts/lib/pages.sh"))[1];
    assert.ok(parseInt(image("node"), 10) >= Number(oldest), `node ${image("node")}`);
  });

  test("contains both programs, runs as a non-root user, and sets the stop signal and the port", () => {
    const programs = of("COPY").find((line) => line.startsWith("--from=builder"));
    for (const name of Object.keys(PROGRAMS)) assert.ok(programs.includes(`/out/${name} `), name);
    assert.match(of("USER").at(-1), /^(?!root|0)/);
    assert.deepEqual(of("STOPSIGNAL"), ["SIGTERM"]);
    assert.deepEqual(of("EXPOSE"), [/PORT=(\d+)/.exec(of("ENV").at(-1))[1]]);
  });
});

describe("a running server", () => {
  let world;
  before(async () => (world = await World.open({ users: ["owner"] })));
  after(() => world?.close());

  test("the image's health check passes, and fails if nothing listens", () => {
    const [program, ...args] = JSON.parse(/CMD (\[.*\])$/.exec(of("HEALTHCHECK")[0])[1]);
    const check = (port) => spawnSync(program, args, { env: { PATH, PORT: String(port) }, timeout: 10_000 }).status;
    assert.equal(check(world.server.port), 0);
    assert.notEqual(check(1), 0);
  });

  test("/healthz, the metric and --version report the same build", async () => {
    const { status, version, commit } = await (await fetch(`${world.server.url}/healthz`)).json();
    assert.equal(status, "ok");
    assert.equal(version, /^version = "(.*)"/m.exec(read("Cargo.toml"))[1]);
    assert.match(commit, /^([0-9a-f]{7,64}|unknown)$/);
    if (process.env.SYNCSCRIPT_COMMIT) assert.equal(commit, process.env.SYNCSCRIPT_COMMIT);
    assert.equal((await Metrics.scrape(world.server)).sum("syncscript_build_info", { version, commit }), 1);
    for (const [name, program] of Object.entries(PROGRAMS)) {
      assert.equal(await stdoutOf(program, "-V"), `${name} ${version}\n`);
      const long = await stdoutOf(program, "--version");
      for (const line of [
        `^${name} ${version}$`,
        `^commit +${commit}$`,
        "^profile +\\w+$",
        "^rustc +rustc \\d",
        "^target +\\w+-",
      ])
        assert.match(long, new RegExp(line, "m"));
    }
  });
});

test("the server's allocator has the settings of src/allocator.rs", async () => {
  const { stderr } = await run(SYNCSCRIPT_BIN, ["--version"], { _RJEM_MALLOC_CONF: "stats_print:true" });
  const set = (name) => new RegExp(`opt\\.${name}: (\\S+)`).exec(stderr)?.[1];
  const found = ["background_thread", "dirty_decay_ms", "muzzy_decay_ms", "narenas"].map((name) => [name, set(name)]);
  assert.deepEqual(Object.fromEntries(found), {
    background_thread: "true",
    dirty_decay_ms: "1000",
    muzzy_decay_ms: "0",
    narenas: "4",
  });
});

describe("compose.yaml", () => {
  const compose = read("compose.yaml");

  test("sets only variables that the server knows", async () => {
    const help = await stdoutOf(SYNCSCRIPT_BIN, "serve", "--help");
    const environment = /environment:\n((?: {4}.*\n)+)/.exec(compose)[1];
    const names = [...environment.matchAll(/^ {4}([A-Z_]+):/gm)].map(([, name]) => name);
    assert.ok(names.includes("DATABASE_URL"));
    const image = of("ENV")
      .at(-1)
      .matchAll(/(\w+)=/g);
    for (const name of [...names, ...[...image].map(([, name]) => name)])
      assert.match(help, new RegExp(`\\[env: ${name}\\b`), name);
  });

  test("uses a supported PostgreSQL version, and mounts only existing files", () => {
    assert.ok(parseInt(image("postgres", compose), 10) >= 15);
    const files = [...compose.matchAll(/- (\.\/[^:]+):/g)].map(([, path]) => path);
    assert.equal(files.length, 1);
    for (const path of files) assert.ok(existsSync(join(ROOT, path)), path);
  });

  test("has the image's health check, which images in the OCI format drop", () => {
    const [options, command] = of("HEALTHCHECK")[0].split(/ *CMD (?=\[)/);
    const check = /^ {2}healthcheck:\n {4}test: (.*)\n((?: {4}\w+: \w+\n)+)/m.exec(compose);
    assert.deepEqual(JSON.parse(check[1].replaceAll("$$", "$")), ["CMD", ...JSON.parse(command)]);
    const repeated = [...check[2].matchAll(/(\w+): (\w+)/g)].map(
      ([, name, value]) => `${name.replace("_", "-")}=${value}`,
    );
    assert.deepEqual(repeated.toSorted(), options.replaceAll("--", "").split(" ").toSorted());
  });

  test("nginx resolves the nodes again when their addresses change", () => {
    const proxy = read("ops/compose/nginx.conf");
    assert.equal(proxy.match(/^ +server \S+ resolve /gm).length, 2);
    assert.match(proxy, /^resolver 127\.0\.0\.11 /m);
    assert.match(proxy, /^ +zone /m);
  });

  test("the proxy uses the names and ports of both nodes, and listens on the published port", () => {
    const proxy = read("ops/compose/nginx.conf");
    const nodes = [...compose.matchAll(/^ {2}(node-\d+): \*node$/gm)].map(([, name]) => `${name}:${of("EXPOSE")[0]}`);
    assert.equal(nodes.length, 2);
    assert.deepEqual(
      [...proxy.matchAll(/^ +server (\S+)/gm)].map(([, name]) => name),
      nodes,
    );
    assert.match(compose, new RegExp(`:${/listen (\d+);/.exec(proxy)[1]}"`));
  });
});

describe("ops", () => {
  for (const path of ["ops/nginx.conf", "ops/compose/nginx.conf"]) {
    test(`${path} is a valid nginx configuration`, (t) => {
      if (!requireTool(t, "nginx") || !requireTool(t, "openssl")) return;
      const directory = scratch(t);
      const [certificate, key] = ["cert.pem", "key.pem"].map((name) => join(directory, name));
      const made = tool(
        "openssl",
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=sync.example.com"].concat([
          "-keyout",
          key,
          "-out",
          certificate,
        ]),
      );
      assert.equal(made.status, 0, made.stderr);
      // Replaces host names of the compose network and certificate files of a real host. `resolve` needs nginx 1.27.3.
      const [, ...version] = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(tool("nginx", ["-v"]).stderr).map(Number);
      const knowsResolve = version[0] * 1e6 + version[1] * 1e3 + version[2] >= 1_027_003;
      const text = read(path)
        .replaceAll(/ resolve(?= )/g, knowsResolve ? "$&" : "")
        .replaceAll(/node-(\d)/g, "127.0.0.$1")
        .replaceAll(/(ssl_certificate +)\S+;/g, `$1${certificate};`)
        .replaceAll(/(ssl_certificate_key +)\S+;/g, `$1${key};`);
      const main = join(directory, "nginx.conf");
      const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
        (p) => `${p}_temp_path ${directory}/${p};`,
      );
      writeFileSync(join(directory, "site.conf"), text);
      writeFileSync(
        main,
        `pid ${directory}/pid; events {} http { access_log off; ${paths.join(" ")} include site.conf; }`,
      );
      const { status, stderr } = tool("nginx", ["-t", "-e", "stderr", "-p", directory, "-c", main]);
      assert.equal(status, 0, stderr);
    });
  }

  test("both proxies choose the node in the same way", () => {
    const choice = (path) => /map \$http_cookie[^}]*\}/.exec(read(path))[0];
    assert.equal(choice("ops/nginx.conf"), choice("ops/compose/nginx.conf"));
  });

  test("syncscript.service is a valid systemd unit", (t) => {
    if (!requireTool(t, "systemd-analyze")) return;
    const unit = join(scratch(t), "syncscript.service");
    const text = read("ops/syncscript.service").replace("/usr/local/bin/syncscript", SYNCSCRIPT_BIN);
    assert.ok(text.includes(SYNCSCRIPT_BIN));
    writeFileSync(unit, text);
    const { status, stdout, stderr } = tool("systemd-analyze", ["verify", unit]);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout + stderr, /syncscript\.service:/, "no warning about the unit");
  });
});

for (const [name, program] of Object.entries(PROGRAMS)) {
  describe(`${name} completions and man`, () => {
    const command = { syncscript: "seed-demo", "outbox-worker": "replays" }[name];

    for (const [shell, begins] of [
      ["bash", `complete -F _${name.replace("-", "__")} `],
      ["zsh", `#compdef ${name}`],
      ["fish", "complete -c"],
    ]) {
      test(shell, async (t) => {
        const text = await stdoutOf(program, "completions", shell);
        assert.ok(text.includes(begins) && text.includes(command), text.slice(0, 300));
        const file = join(scratch(t), shell);
        writeFileSync(file, text);
        if (!requireTool(t, shell)) return;
        const { status, stderr } = tool(shell, ["-n", file]);
        assert.equal(status, 0, stderr);
      });
    }

    test("an unknown shell is rejected", async () => {
      const { code, stderr } = await run(program, ["completions", "dos"]);
      assert.equal(code, 2);
      assert.match(stderr, /dos/);
    });

    test("a man page for the program and one per subcommand, without values from the environment", async (t) => {
      const directory = join(scratch(t), "man1");
      const secret = { DATABASE_URL: "postgres://someone:hunter2@127.0.0.1:1/nowhere" };
      const { code, stderr } = await run(program, ["man", directory], secret);
      assert.equal(code, 0, stderr);
      const pages = readdirSync(directory);
      const groff = requireTool(t, "groff");
      assert.ok(pages.includes(`${name}.1`) && pages.includes(`${name}-${command}.1`), pages.join(" "));
      for (const page of pages) {
        const text = readFileSync(join(directory, page), "utf8");
        assert.match(text, /^\.TH /m);
        assert.match(text, /^\.SH SYNOPSIS$/m);
        assert.doesNotMatch(text, /hunter2/);
        if (!groff) continue;
        const { status, stderr: warnings } = tool("groff", ["-man", "-Tutf8", "-wmac", join(directory, page)]);
        assert.equal(status, 0, warnings);
        assert.equal(warnings, "");
      }
    });

    test("the error names a directory that cannot be created", async () => {
      const { code, stderr } = await run(program, ["man", "/dev/null/man1"]);
      assert.ok(code > 0);
      assert.match(stderr, /^\S+: \/dev\/null\/man1: .+\n$/);
    });
  });
}

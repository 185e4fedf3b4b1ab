// The package as npm publishes it: its content, and that it works after installation.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const HOME = fileURLToPath(new URL("..", import.meta.url));

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "syncscript-client-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** Packs the existing build. A new build would disturb other tests, which run from it. */
async function pack(directory: string): Promise<{ filename: string; files: { path: string }[] }> {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", directory];
  const { stdout } = await run("npm", args, { cwd: HOME });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  assert.ok(packed);
  return packed;
}

test("the package contains the build, the license and the README, and nothing else", async (t) => {
  const { files } = await pack(await scratch(t));
  const modules = (await readdir(join(HOME, "src"))).map((name) => name.replace(/\.ts$/, ""));
  const expected = modules.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.js`]);
  assert.deepEqual(files.map(({ path }) => path).sort(), [...expected, "LICENSE", "README.md", "package.json"].sort());
});

test("the installed package compiles the README's example and can be imported", async (t) => {
  const directory = await scratch(t);
  const { filename } = await pack(directory);
  await run("tar", ["-xzf", filename], { cwd: directory });
  await mkdir(join(directory, "node_modules/@syncscript"), { recursive: true });
  await cp(join(directory, "package"), join(directory, "node_modules/@syncscript/client"), { recursive: true });
  // The only dependency, where npm would install it.
  await symlink(join(HOME, "node_modules/socket.io-client"), join(directory, "node_modules/socket.io-client"));
  await cp(join(HOME, "test/example.ts"), join(directory, "example.ts"));
  await writeFile(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(
    join(directory, "main.js"),
    'import * as client from "@syncscript/client"; console.log(Object.keys(client).sort().join());',
  );

  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  // Strict, and without skipLibCheck, so that the package's own declarations are checked, too.
  const options = [
    "--strict",
    "--exactOptionalPropertyTypes",
    "--module",
    "NodeNext",
    "--target",
    "ES2022",
    "--noEmit",
  ];
  const compiled = run(process.execPath, [tsc, ...options, "example.ts"], { cwd: directory });
  await compiled.catch((error: { stdout: string }) => assert.fail(error.stdout));
  const { stdout } = await run(process.execPath, ["main.js"], { cwd: directory });
  const names =
    "LiveVault,RefusedError,RestClient,RestError,VAULT_EVENT_TYPES,VaultClient,emptyView,fold,vaultIdOf,viewFromSnapshot";
  assert.equal(stdout.trim(), names);
});

// The OpenAPI document is valid, and a live server behaves as documented. Schemathesis sends many requests and checks
// every response. It fails on an undocumented status, body, content type or header, on a server error, on an invalid
// request that is accepted, on a valid request that is rejected, and on an undocumented method that is accepted.
//
// CONTRACT_VENV names a Python environment with the packages of requirements.txt; scripts/test creates one.
// CONTRACT_EXAMPLES sets the number of examples per operation, instead of 20, and makes each run different.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { runWorkerOk } from "../e2e/lib/outbox-worker.mjs";
import { leaveOut } from "../e2e/lib/tools.mjs";
import { World } from "../e2e/lib/world.mjs";

const VENV = process.env.CONTRACT_VENV;
const CONFIG = fileURLToPath(new URL("schemathesis.toml", import.meta.url));
const EXAMPLES = Number(process.env.CONTRACT_EXAMPLES ?? 0);
/** How long a program may run, in milliseconds. */
const PROGRAM_TIMEOUT_MS = 90_000 + EXAMPLES * 30_000;
/** Whether the tests that need the Python environment can run. */
const requireVenv = (t) => Boolean(VENV) || leaveOut(t, "CONTRACT_VENV does not name a Python environment");

let world, directory;
before(async () => {
  world = await World.open({ users: ["owner", "contributor", "viewer"] });
  directory = await mkdtemp(join(tmpdir(), "contract-"));
});
after(async () => {
  await world?.close();
  if (directory) await rm(directory, { recursive: true });
});

/** Returns the path of the Schemathesis configuration: the default one, or one with CONTRACT_EXAMPLES applied. */
async function schemathesisConfig() {
  if (!EXAMPLES) return CONFIG;
  const defaults = await readFile(CONFIG, "utf8");
  const file = join(directory, "longer.toml");
  const longer = defaults.replaceAll("max-examples = 20", `max-examples = ${EXAMPLES}`);
  await writeFile(file, longer.replace("deterministic = true", "").replace("seed = 1", ""));
  return file;
}

/** Runs a program of the Python environment to completion, in a temporary directory, because it leaves files behind. */
function run(name, args) {
  const settings = { cwd: directory, timeout: PROGRAM_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(join(VENV, "bin", name), args, settings, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, output: `${stdout}${stderr}` });
    });
  });
}

test("a log with an event of every type, before and after compaction, matches the document", async () => {
  const { owner, contributor, viewer } = world.users;
  const vault = await world.vault();
  const base = `/api/vaults/${vault.id}`;
  const document = (await owner.expect(200, "GET", "/api/openapi.json")).body;
  const ajv = addFormats.default(new Ajv.default({ strict: false, allErrors: true }));
  const validate = ajv.compile({ $ref: "#/components/schemas/LogPage", components: document.components });
  const types = new Set();
  const readLog = async () => {
    const { body } = await owner.expect(200, "GET", `${base}/events`);
    assert.deepEqual(validate(body) ? [] : validate.errors, []);
    for (const { type } of body.events) types.add(type);
  };

  const source = await contributor.createSource(vault.id);
  await contributor.updateSource(source.id, { title: "Again" });
  await contributor.deleteSource(source.id);
  const { seq } = await owner.createSource(vault.id);
  await owner.expect(200, "PATCH", `${base}/members/${viewer.user.id}`, { role: "contributor" });
  await owner.expect(204, "DELETE", `${base}/members/${viewer.user.id}`);
  await owner.expect(200, "PATCH", base, { name: "Renamed" });
  await readLog();
  await runWorkerOk(world.database, "compact", "--vault", vault.id, "--before", String(seq + 1));
  await readLog();

  const documented = document.components.schemas.Event.oneOf.flatMap(({ properties }) => properties.type.enum);
  // Nobody can read the log of a deleted vault, because it has no members.
  assert.deepEqual([...types].sort(), documented.filter((type) => type !== "vault:deleted").sort());
});

test("every example matches its schema", async () => {
  const { components, paths } = await (await fetch(`${world.server.url}/api/openapi.json`)).json();
  const ajv = addFormats.default(new Ajv.default({ strict: false, allErrors: true }));
  const assertFits = (schema, value, what) => {
    const validate = ajv.compile({ allOf: [schema], components });
    assert.deepEqual(validate(value) ? [] : validate.errors, [], what);
  };
  const schemas = Object.entries(components.schemas).filter(([, { example }]) => example);
  assert.ok(schemas.length > 8, `${schemas.length} schemas with an example`);
  for (const [name, { example }] of schemas) assertFits({ $ref: `#/components/schemas/${name}` }, example, name);

  const codes = new Set();
  const responses = Object.values(paths)
    .flatMap((item) => Object.values(item))
    .map(({ responses: all }) => all);
  for (const [status, { content }] of responses.flatMap(Object.entries)) {
    const problem = content?.["application/problem+json"];
    for (const { value } of Object.values(problem?.examples ?? {})) {
      assertFits(problem.schema, value, value.code);
      assert.equal(String(value.status), status);
      codes.add(value.code);
    }
  }
  assert.ok(codes.size > 18, `${[...codes]}`);
});

test("the document is valid OpenAPI 3.1", async (t) => {
  if (!requireVenv(t)) return;
  const text = await (await fetch(`${world.server.url}/api/openapi.json`)).text();
  assert.match(JSON.parse(text).openapi, /^3\.1\./);
  const file = join(directory, "openapi.json");
  await writeFile(file, text);
  const { code, output } = await run("python", ["-m", "openapi_spec_validator", file]);
  assert.equal(code, 0, output);
});

test("Schemathesis finds no difference between the server and the document", async (t) => {
  if (!requireVenv(t)) return;
  const { owner } = world.users;
  const vault = await world.vault();
  await owner.createSource(vault.id);
  const { code, output } = await run("schemathesis", [
    ...["--config-file", await schemathesisConfig(), "run", `${world.server.url}/api/openapi.json`],
    ...["--header", `Cookie: ${owner.cookie}`, "--generation-database", "none"],
  ]);
  assert.equal(code, 0, output);
  // After a sign-out every response would be 401, which would prove nothing.
  const { body } = await owner.request("GET", "/api/auth/session");
  assert.equal(body?.user?.id, owner.user.id, "still signed in at the end");
  t.diagnostic(output.match(/\d+ generated.*/)?.[0] ?? "");
});

// The demo data: runs `syncscript seed-demo` and reads the logins that it prints.
import assert from "node:assert/strict";
import { run } from "./process.mjs";
import { RestClient } from "./rest.mjs";
import { SYNCSCRIPT_BIN } from "./settings.mjs";

export const DEMO_ROLES = ["owner", "contributor", "viewer"];
export const demoEmail = (role) => `${role}@demo.com`;

/** Seeds the demo. Returns its output and the logins in the output: `{owner: {email, password}, …}`. */
export async function seedDemo(database) {
  const { code, stdout, stderr } = await run(SYNCSCRIPT_BIN, ["seed-demo"], { DATABASE_URL: database.url });
  assert.equal(code, 0, `seed-demo succeeds: ${stderr}`);
  const [, password] = /password\W+([^\s`"']+)/i.exec(stdout) ?? [];
  assert.ok(password, `seed-demo prints the password: ${stdout}`);
  const logins = Object.fromEntries(
    DEMO_ROLES.map((role) => {
      assert.ok(stdout.includes(demoEmail(role)), `seed-demo prints ${demoEmail(role)}: ${stdout}`);
      return [role, { email: demoEmail(role), password }];
    }),
  );
  return { stdout, logins };
}

/** Logs in the demo users: `{owner, contributor, viewer}`. */
export async function demoLogins(server, logins) {
  const sessions = await Promise.all(
    DEMO_ROLES.map((role) => new RestClient(server.url).login(logins[role].email, logins[role].password)),
  );
  return Object.fromEntries(DEMO_ROLES.map((role, i) => [role, sessions[i]]));
}

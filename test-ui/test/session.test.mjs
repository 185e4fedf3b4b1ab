// Sign-in, sign-out, the return to the previous page, and the end of a session (scenario 2).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openContext, openVault, REFUSED, waitForConnection } from "./lib/browser.mjs";
import { PASSWORD, RestUser } from "./lib/rest-user.mjs";
import { run } from "./lib/server.mjs";
import { startWorld } from "./lib/world.mjs";

let world, owner;
before(async () => {
  world = await startWorld();
  await run(["seed-demo"], { DATABASE_URL: world.database.url });
  owner = await world.signUp("Olivia");
});
after(() => world?.close());

const open = (options = {}) => openContext(world.browser, { url: world.url, ...options });

async function signIn(page, email, password) {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("without a session, a vault page leads to login, and a demo account leads back to it", async () => {
  const demo = await new RestUser(world.url).signIn("viewer@demo.com", "syncscript-demo");
  const [vault] = (await demo.request("GET", "/api/vaults")).body.vaults;
  const context = await open();
  const page = await context.newPage();
  await page.goto(`${world.url}/test/realtime?vaultId=${vault.id}`);
  await page.waitForURL("**/login?returnTo=**");
  await page.getByRole("button", { name: /Vera Viewer/ }).click();
  await waitForConnection(page, `Connected to vault-${vault.id}`);
  assert.equal(new URL(page.url()).search, `?vaultId=${vault.id}`);
  await page.getByRole("heading", { name: "Demo vault" }).getByText("viewer").waitFor();
  context.assertClean();
});

test("a wrong password shows an error, and the right one leads to the vaults", async () => {
  const context = await open({ expected: [REFUSED(401, "/api/auth/login")] });
  const page = await context.newPage();
  await page.goto(`${world.url}/login`);
  await signIn(page, owner.user.email, "wrong password");
  await page.getByRole("alert").getByText("Email or password is wrong").waitFor();
  await signIn(page, owner.user.email, PASSWORD);
  await page.waitForURL("**/test/realtime");
  await page.getByText("You don’t belong to any vaults yet.").waitFor();
  context.assertClean();
});

test("after a failed sign-in with Auth.js, the login page shows the error and leads back to the vault", async () => {
  const vault = await owner.createVault("Back");
  const context = await open();
  const page = await context.newPage();
  const callbackUrl = encodeURIComponent(`${world.url}/test/realtime?vaultId=${vault.id}`);
  await page.goto(`${world.url}/api/auth/signin?error=CredentialsSignin&code=credentials&callbackUrl=${callbackUrl}`);
  await page.getByRole("alert").getByText("Email or password is wrong").waitFor();
  await signIn(page, owner.user.email, PASSWORD);
  await waitForConnection(page, `Connected to vault-${vault.id}`);
  context.assertClean();
});

test("a new user creates an account and a vault, and is its owner", async () => {
  const context = await open();
  const page = await context.newPage();
  await page.goto(`${world.url}/`);
  await page.getByRole("button", { name: "Create one" }).click();
  await page.getByLabel("Email").fill("new.user@example.test");
  await page.getByLabel("Name").fill("Nora New");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/test/realtime");
  await page.getByLabel("Name").fill("Brand new");
  await page.getByRole("button", { name: "Create vault" }).click();
  await page.getByRole("heading", { name: "Brand new" }).getByText("owner").waitFor();
  await page.getByTestId("position").getByText("Live at seq 1").waitFor();

  await page.getByRole("link", { name: "SyncScript: all vaults" }).click();
  await page.getByRole("link", { name: /Brand new/ }).click();
  await page.getByRole("heading", { name: "Brand new" }).waitFor();
  context.assertClean();
});

test("the end of a session leads to login at once, and sign-in leads back to the vault", async (t) => {
  const vault = await owner.createVault("Session");
  const session = await new RestUser(world.url).signIn(owner.user.email, PASSWORD);
  const context = await open({ user: session });
  const page = await openVault(context, world.url, vault);
  const from = performance.now();
  await session.request("POST", "/api/auth/logout");
  await page.waitForURL("**/login?**");
  t.diagnostic(`at login ${Math.round(performance.now() - from)} ms after the session ended`);
  await page.getByText("Your session ended. Sign in again to continue where you left off.").waitFor();
  await signIn(page, owner.user.email, PASSWORD);
  await waitForConnection(page, `Connected to vault-${vault.id}`);
  assert.equal(new URL(page.url()).search, `?vaultId=${vault.id}`);
  context.assertClean();
});

test("sign-out in one window leads the others to login, too", async () => {
  const vault = await owner.createVault("Two windows");
  const session = await new RestUser(world.url).signIn(owner.user.email, PASSWORD);
  const context = await open({ user: session });
  const [one, other] = [await openVault(context, world.url, vault), await openVault(context, world.url, vault)];
  await one.getByRole("button", { name: "Sign out" }).click();
  await Promise.all([one.waitForURL("**/login?**"), other.waitForURL("**/login?**")]);
  context.assertClean();
});

test("the login page lets a signed-in user continue", async () => {
  const context = await open({ user: owner });
  const page = await context.newPage();
  await page.goto(`${world.url}/login`);
  await page.getByRole("link", { name: "Continue as Olivia" }).click();
  await page.getByRole("heading", { name: "Choose a vault" }).waitFor();
  context.assertClean();
});

test("login never leads to another site, whatever the URL contains", async () => {
  const context = await open({ user: owner });
  const page = await context.newPage();
  for (const target of [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "javascript:alert(1)",
    "/login",
  ]) {
    await page.goto(`${world.url}/login?returnTo=${encodeURIComponent(target)}`);
    const link = page.getByRole("link", { name: "Continue as Olivia" });
    assert.equal(await link.getAttribute("href"), "/test/realtime", target);
  }
  context.assertClean();
});

test("a foreign vault, an unknown vault and an invalid id are not found", async () => {
  const other = await world.signUp("Otto Other");
  const vault = await other.createVault("Not yours");
  const context = await open({
    user: owner,
    expected: [REFUSED(404, "/api/vaults/"), REFUSED(400, "/api/vaults/nonsense/")],
  });
  const page = await context.newPage();
  for (const id of [vault.id, crypto.randomUUID(), "nonsense"]) {
    await page.goto(`${world.url}/test/realtime?vaultId=${id}`);
    await page.getByRole("heading", { name: "Vault not found" }).waitFor();
  }
  context.assertClean();
});

// The environment of most tests: a server, its database and a browser.
import { launchBrowser } from "./browser.mjs";
import { RestUser } from "./rest-user.mjs";
import { Database, Server } from "./server.mjs";

export async function startWorld(env = {}) {
  const database = await Database.create();
  const server = await Server.start({ database, env });
  const browser = await launchBrowser();
  const world = {
    database,
    server,
    browser,
    url: server.url,
    signUp: (name) => RestUser.signUp(server.url, name),
    async close() {
      await browser.close();
      // A test may have replaced the server.
      await world.server.stop();
      await database.drop();
    },
  };
  return world;
}

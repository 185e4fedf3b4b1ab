// The server process under test.
import { LineProcess } from "./process.mjs";
import { SYNCSCRIPT_BIN } from "./settings.mjs";

const READY = /^listening on (http:\/\/127\.0\.0\.1:(\d+))$/;

export class Server extends LineProcess {
  /** Starts `syncscript serve` and returns when it listens. With `port` 0 it takes any free port. */
  static async start({ database, port = 0, env = {} }) {
    const server = new Server(SYNCSCRIPT_BIN, ["serve"], {
      DATABASE_URL: database.url,
      HOST: "127.0.0.1",
      PORT: String(port),
      SYNCSCRIPT_LOG: "info",
      SYNCSCRIPT_LOG_FORMAT: "json",
      ...env,
    });
    try {
      const [, url, boundPort] = READY.exec(await server.line((line) => READY.test(line), "the line `listening on …`"));
      server.url = url;
      server.port = Number(boundPort);
      return server;
    } catch (error) {
      server.child.kill("SIGKILL");
      throw error;
    }
  }
}

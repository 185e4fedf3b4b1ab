// The locations of the programs and of the database server, and the default timeout.
import { fileURLToPath } from "node:url";

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));

export const SYNCSCRIPT_BIN = process.env.SYNCSCRIPT_BIN ?? fromHere("../../../target/debug/syncscript");
export const OUTBOX_WORKER_BIN = process.env.OUTBOX_WORKER_BIN ?? fromHere("../../../target/debug/outbox-worker");

/** How long a test waits for an expected outcome, in milliseconds. Generous, because CI machines are slow. */
export const WAIT_TIMEOUT_MS = Number(process.env.E2E_PATIENCE_MS ?? 20_000);

/** The superuser URL that the tests use to create their own databases. */
export function adminUrl() {
  const url = process.env.DATABASE_URL;
  if (!url)
    throw new Error(
      "Set DATABASE_URL to a superuser URL of a running PostgreSQL; each test creates its own database there.",
    );
  return url;
}

/**
 * The environment of a program under test: the caller's environment without any SyncScript settings, so that only the
 * test's own settings apply.
 */
export function programEnv(settings) {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SYNCSCRIPT_.*|AUTH_SECRET|DATABASE_URL|HOST|PORT|RUST_LOG|PG[A-Z]+)$/.test(name),
  );
  return { ...Object.fromEntries(inherited), ...settings };
}

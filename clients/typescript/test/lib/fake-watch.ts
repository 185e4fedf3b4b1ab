// A watch over a fake socket that records every call of a handler.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type ReplayedEvent, VaultClient, type VaultEvent, type WatchState } from "@syncscript/client";
import { FakeSocket, VAULT } from "./fake-socket.js";

interface Options {
  after?: number;
  loadFirst?: boolean;
  joinTimeout?: number;
  reload?: () => Promise<number>;
}

/** Returns a started watch. The socket is connected, and a join is sent unless the watch loads first. */
export async function openWatch(t: TestContext, { joinTimeout = 60_000, reload, ...options }: Options = {}) {
  const socket = new FakeSocket();
  const client = new VaultClient(socket.asSocket, { joinTimeout });
  t.after(() => client.close());
  const events: VaultEvent[] = [];
  const replays: ReplayedEvent[] = [];
  const states: WatchState[] = [];
  const errors: unknown[] = [];
  const handlers = {
    onEvent: (event: VaultEvent): void => void events.push(event),
    onReplay: (event: ReplayedEvent): void => void replays.push(event),
    onState: (state: WatchState): void => void states.push(state),
    onError: (error: unknown): void => void errors.push(error),
    reload: reload ?? (() => Promise.reject(new Error("no reload was expected"))),
  };
  const watch = client.watch(VAULT, handlers, options);
  assert.deepEqual([socket.joins.length, states.length], [0, 0], "nothing happens before watch() has returned");
  await Promise.resolve();
  return { socket, client, watch, handlers, events, replays, states, errors, seqs: () => events.map(({ seq }) => seq) };
}

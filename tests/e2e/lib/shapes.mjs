// The exact shapes of the server's messages: every key and its kind of value. An extra key fails too.
import assert from "node:assert/strict";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

export const uuid = (value) => typeof value === "string" && UUID.test(value);
export const time = (value) => typeof value === "string" && TIME.test(value) && !Number.isNaN(Date.parse(value));
export const text = (value) => typeof value === "string" && value.length > 0;
export const positive = (value) => Number.isSafeInteger(value) && value > 0;
export const role = (value) => ["owner", "contributor", "viewer"].includes(value);

export const ACTOR = { userId: uuid, userName: text, role };
export const SOURCE = {
  id: uuid,
  title: text,
  fileUrl: text,
  vaultId: uuid,
  createdAt: time,
  updatedAt: time,
  version: positive,
};
const VAULT = { id: uuid, name: text, createdAt: time, updatedAt: time };
const MEMBER = { userId: uuid, userName: text, role, createdAt: time };
const EVENT = { actor: ACTOR, timestamp: time, seq: positive, eventId: uuid };

/** The payload of each event type. */
export const PAYLOADS = {
  "vault:created": { vaultId: uuid, vault: VAULT, member: MEMBER, ...EVENT },
  "vault:updated": { vaultId: uuid, vault: VAULT, ...EVENT },
  "vault:deleted": { vaultId: uuid, ...EVENT },
  "member:added": { vaultId: uuid, member: MEMBER, ...EVENT },
  "member:updated": { vaultId: uuid, member: MEMBER, ...EVENT },
  "member:removed": { vaultId: uuid, userId: uuid, ...EVENT },
  "source:created": { source: SOURCE, ...EVENT },
  "source:updated": { source: SOURCE, ...EVENT },
  "source:deleted": { sourceId: uuid, vaultId: uuid, ...EVENT },
};

/** Asserts that `value` has exactly the keys of `shape`, each with a value of the right kind. */
export function assertShape(value, shape, where = "value") {
  assert.equal(typeof value, "object", `${where} is an object`);
  assert.notEqual(value, null, `${where} is not null`);
  assert.deepEqual(Object.keys(value).sort(), Object.keys(shape).sort(), `the keys of ${where}`);
  for (const [key, kind] of Object.entries(shape)) {
    if (typeof kind === "function") assert.ok(kind(value[key]), `${where}.${key} = ${JSON.stringify(value[key])}`);
    else assertShape(value[key], kind, `${where}.${key}`);
  }
}

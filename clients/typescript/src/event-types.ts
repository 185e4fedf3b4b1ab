// The event types as runtime values.
import type { VaultEventPayloads, VaultEventType } from "./events.js";

// A record, so that the compiler reports a type that is missing here.
const TYPES: Record<VaultEventType, true> = {
  "vault:created": true,
  "vault:updated": true,
  "vault:deleted": true,
  "member:added": true,
  "member:updated": true,
  "member:removed": true,
  "source:created": true,
  "source:updated": true,
  "source:deleted": true,
};

export const VAULT_EVENT_TYPES = Object.freeze(Object.keys(TYPES)) as readonly VaultEventType[];

/** Returns the id of the vault that an event belongs to. */
export function vaultIdOf(payload: VaultEventPayloads[VaultEventType]): string {
  return "vaultId" in payload ? payload.vaultId : payload.source.vaultId;
}

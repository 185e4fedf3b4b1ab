// The text of the connection status.
import type { WatchState } from "@syncscript/client";
import { formatCount } from "../lib/format";

export type Tone = "good" | "busy" | "bad";

export interface ConnectionLabel {
  tone: Tone;
  text: string;
  /** The text for screen readers, if `text` has numbers that change all the time. */
  announcement?: string;
}

/** `received`: the number of events received since the connection was lost. `loaded`: whether the vault is loaded. */
export function connectionLabel(
  state: WatchState,
  vaultId: string,
  received: number,
  loaded: boolean,
): ConnectionLabel {
  switch (state.status) {
    case "connecting":
      return { tone: "busy", text: "Connecting…" };
    case "catching-up":
      if (!loaded) return { tone: "busy", text: "Loading the vault…" };
      return { tone: "busy", text: `Catching up: ${formatCount(received, "event")}`, announcement: "Catching up" };
    case "live":
      return { tone: "good", text: `Connected to vault-${vaultId}` };
    case "reconnecting":
      return state.attempt === 0
        ? { tone: "busy", text: "Connection lost" }
        : { tone: "busy", text: `Reconnecting, attempt ${state.attempt}`, announcement: "Reconnecting" };
    case "removed":
      return { tone: "bad", text: "Access removed" };
    case "denied":
      return { tone: "bad", text: state.message || "Access denied to vault" };
    case "session-ended":
      return { tone: "bad", text: "Session ended" };
    case "closed":
      return { tone: "bad", text: "Closed" };
  }
}

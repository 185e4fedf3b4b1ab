// The state of the connection, in words.
import type { WatchState } from "@syncscript/client";
import { count } from "../lib/text";

export type Tone = "good" | "busy" | "bad";

export interface Words {
  tone: Tone;
  text: string;
  /** What is read out, where `text` has numbers that change all the time. */
  said?: string;
}

/** `received`: the events that came since the connection was lost. */
export function inWords(state: WatchState, vaultId: string, received: number, loaded: boolean): Words {
  switch (state.status) {
    case "connecting":
      return { tone: "busy", text: "Connecting…" };
    case "catching-up":
      if (!loaded) return { tone: "busy", text: "Loading the vault…" };
      return { tone: "busy", text: `Catching up: ${count(received, "event")}`, said: "Catching up" };
    case "live":
      return { tone: "good", text: `Connected to vault-${vaultId}` };
    case "reconnecting":
      return state.attempt === 0
        ? { tone: "busy", text: "Connection lost" }
        : { tone: "busy", text: `Reconnecting, attempt ${state.attempt}`, said: "Reconnecting" };
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

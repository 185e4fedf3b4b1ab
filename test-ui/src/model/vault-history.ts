// The sources as of an earlier event: which event is selected, and the sources at that point.
import { RestError, type Source } from "@syncscript/client";
import { fetchSourcesAt, supportsHistory } from "../api/api";
import { Observable } from "../lib/observable";

/** The slider must rest for this long before the sources are requested. */
const SETTLE_MS = 120;

export interface HistoricalSources {
  seq: number;
  sources: readonly Source[];
}

export class VaultHistory extends Observable {
  readonly #vaultId: string;
  /** Undefined until the server was asked. */
  #supported: boolean | undefined;
  #selectedSeq: number | undefined;
  #loaded: HistoricalSources | undefined;
  #error = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(vaultId: string) {
    super();
    this.#vaultId = vaultId;
  }

  get supported(): boolean {
    return this.#supported === true;
  }

  /** The selected event. Undefined for the current state. */
  get selectedSeq(): number | undefined {
    return this.#selectedSeq;
  }

  /** The sources last loaded. While others load, their `seq` differs from `selectedSeq`. */
  get loaded(): HistoricalSources | undefined {
    return this.#selectedSeq === undefined ? undefined : this.#loaded;
  }

  get error(): string {
    return this.#error;
  }

  /** Asks the server, once, whether it supports the history. */
  async detectSupport(seq: number): Promise<void> {
    if (this.#supported !== undefined) return;
    this.#supported = false;
    this.#supported = await supportsHistory(this.#vaultId, seq);
    this.notify();
  }

  /** Selects the event `seq`, or the current state. */
  select(seq: number | undefined): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#selectedSeq = seq;
    this.#error = "";
    if (seq === undefined) this.#loaded = undefined;
    else this.#timer = setTimeout(() => void this.#load(seq), SETTLE_MS);
    this.notify();
  }

  async #load(seq: number): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const sources = await fetchSourcesAt(this.#vaultId, seq, abort.signal);
      if (!abort.signal.aborted) this.#loaded = { seq, sources };
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#error = error instanceof RestError ? error.message : "The server does not respond.";
    }
    this.notify();
  }
}

// The list as it was: which moment is looked at, and what was there then.
import { RestError, type Source } from "@syncscript/client";
import { offersHistory, sourcesAt } from "../api/api";
import { Observable } from "../lib/observable";

/** Milliseconds for which the slider must rest before a moment is asked for. */
const REST = 120;

export class History extends Observable {
  readonly #vaultId: string;
  /** Undefined until the server was asked. */
  #offered: boolean | undefined;
  #at: number | undefined;
  #shown: { seq: number; sources: readonly Source[] } | undefined;
  #failure = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(vaultId: string) {
    super();
    this.#vaultId = vaultId;
  }

  get offered(): boolean {
    return this.#offered === true;
  }

  /** The moment looked at; undefined: now. */
  get at(): number | undefined {
    return this.#at;
  }

  /** What was there, as of `seq`, which lags behind `at` while that is loaded. Undefined while nothing is. */
  get shown(): { seq: number; sources: readonly Source[] } | undefined {
    return this.#at === undefined ? undefined : this.#shown;
  }

  get failure(): string {
    return this.#failure;
  }

  /** Asks the server, once, whether it can tell the past. */
  async detect(seq: number): Promise<void> {
    if (this.#offered !== undefined) return;
    this.#offered = false;
    this.#offered = await offersHistory(this.#vaultId, seq);
    this.changed();
  }

  /** Looks at the moment of event `seq`, or at now. */
  look(seq: number | undefined): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#at = seq;
    this.#failure = "";
    if (seq === undefined) this.#shown = undefined;
    else this.#timer = setTimeout(() => void this.#load(seq), REST);
    this.changed();
  }

  async #load(seq: number): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const sources = await sourcesAt(this.#vaultId, seq, abort.signal);
      if (!abort.signal.aborted) this.#shown = { seq, sources };
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#failure = error instanceof RestError ? error.message : "The server does not answer.";
    }
    this.changed();
  }
}

// Parses `/metrics`, which has the Prometheus text format.
import assert from "node:assert/strict";

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/g;

/** Every metric in docs/operations.md, with its type. */
export const DOCUMENTED = {
  syncscript_build_info: "gauge",
  syncscript_http_request_seconds: "histogram",
  syncscript_commit_events: "histogram",
  syncscript_commit_to_emit_seconds: "histogram",
  syncscript_relay_lag_seconds: "gauge",
  syncscript_relay_lag_events: "gauge",
  syncscript_vaults_in_use: "gauge",
  syncscript_events_emitted_total: "counter",
  syncscript_deliveries_total: "counter",
  syncscript_joins_total: "counter",
  syncscript_catch_up_events: "histogram",
  syncscript_resyncs_total: "counter",
  syncscript_sockets: "gauge",
  syncscript_slow_readers_closed_total: "counter",
  syncscript_members_behind_total: "counter",
  syncscript_revocations_total: "counter",
  syncscript_database_connections: "gauge",
  syncscript_notify_sent_total: "counter",
  syncscript_notify_coalesced_total: "counter",
};

/** One scrape. */
export class Metrics {
  /** The type of each metric by name: "counter", "gauge" or "histogram". */
  types = {};
  help = {};
  samples = [];

  constructor(text) {
    for (const line of text.split("\n").filter((line) => line !== "")) {
      const [, what, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      if (what === "TYPE") this.types[name] = rest;
      else if (what === "HELP") this.help[name] = rest;
      else {
        const [, sample, labels = "", value] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`);
        this.samples.push({
          name: sample,
          labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, text]) => [key, text])),
          value: value === "+Inf" ? Infinity : Number(value),
        });
      }
    }
  }

  static async scrape(server) {
    const response = await fetch(`${server.url}/metrics`, { signal: AbortSignal.timeout(20_000) });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/plain; *version=0\.0\.4/);
    return new Metrics(await response.text());
  }

  /** The sum of the samples with that name and those labels; 0 if there are none. */
  sum(name, labels = {}) {
    const fits = (sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value);
    return this.samples
      .filter((sample) => sample.name === name && fits(sample))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** The names of all samples, including the parts of histograms. */
  get names() {
    return new Set(this.samples.map(({ name }) => name));
  }
}

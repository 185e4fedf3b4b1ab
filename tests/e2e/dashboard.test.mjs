// The Grafana dashboard and the Prometheus alerts in ops/ use the metrics that the server exports.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DOCUMENTED } from "./lib/metrics.mjs";
import { requireTool } from "./lib/tools.mjs";

const ops = (name) => fileURLToPath(new URL(`../../ops/${name}`, import.meta.url));

describe("dashboard and alerts", () => {
  /** All sample names in Prometheus: those of /metrics, and `up`. */
  const KNOWN = new Set(
    Object.entries(DOCUMENTED)
      .flatMap(([name, type]) => (type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]))
      .concat("up"),
  );
  /** The metrics in an expression. */
  const metricsIn = (expression) =>
    expression
      .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
      .match(/\b(?:syncscript_\w+|up|[a-z]+_[a-z_]+_(?:total|seconds|bytes))\b/g)
      .filter((name) => name !== "histogram_quantile");

  const dashboard = () => JSON.parse(readFileSync(ops("grafana-dashboard.json"), "utf8"));
  const expressions = () => dashboard().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

  test("the dashboard is valid JSON, and its expressions use all metrics and only existing ones", () => {
    const { title, panels, templating } = dashboard();
    assert.equal(title, "SyncScript");
    assert.ok(panels.length > 10);
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, "each panel has a unique id");
    const names = expressions().flatMap(metricsIn);
    for (const name of names) assert.ok(KNOWN.has(name), name);
    for (const { definition } of templating.list.filter(({ type }) => type === "query")) {
      for (const name of metricsIn(definition)) assert.ok(KNOWN.has(name), name);
    }
    const families = new Set(names.map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    for (const name of Object.keys(DOCUMENTED)) assert.ok(families.has(name), `${name} is on the dashboard`);
  });

  test("the alerts use only existing metrics, and the runbook covers each alert", () => {
    const text = readFileSync(ops("alerts.yml"), "utf8");
    const names = text.match(/\b(?:syncscript_\w+)\b/g);
    assert.ok(names.length > 5);
    for (const name of names) assert.ok(KNOWN.has(name), name);
    const runbook = readFileSync(fileURLToPath(new URL("../../docs/operations.md", import.meta.url)), "utf8");
    for (const [, name] of text.matchAll(/alert: (\w+)/g)) assert.ok(runbook.includes(name), name);
  });

  const promtool = (...args) => spawnSync("promtool", args, { encoding: "utf8" });

  test("the alert rules are valid and fire correctly (promtool)", (t) => {
    if (!requireTool(t, "promtool")) return;
    for (const args of [
      ["check", "rules", ops("alerts.yml")],
      ["test", "rules", ops("alerts.test.yml")],
    ]) {
      const { status, stdout, stderr } = promtool(...args);
      assert.equal(status, 0, stdout + stderr);
    }
  });

  test("the dashboard's expressions are valid PromQL (promtool)", (t) => {
    if (!requireTool(t, "promtool")) return;
    const directory = mkdtempSync(join(tmpdir(), "syncscript-dashboard-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const substituteVariables = (expression) =>
      expression.replaceAll("$__rate_interval", "5m").replaceAll("$job", "syncscript").replaceAll("$instance", ".*");
    const rules = expressions().map((expression, i) => ({
      record: `panel:${i}`,
      expr: substituteVariables(expression),
    }));
    const file = join(directory, "rules.yml");
    // JSON is valid YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { status, stdout, stderr } = promtool("check", "rules", file);
    assert.equal(status, 0, stdout + stderr);
  });
});

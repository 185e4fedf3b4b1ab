// The size and the origin of what a browser loads.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const DIST = new URL("../dist/", import.meta.url);
const LIMIT = 80 * 1000;

test("compressed scripts and styles are smaller than 80 kB", (t) => {
  const sizes = readdirSync(new URL("assets/", DIST)).map((name) => {
    const size = gzipSync(readFileSync(new URL(`assets/${name}`, DIST)), { level: 9 }).length;
    t.diagnostic(`${name}: ${size} bytes`);
    return size;
  });
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(`total ${total} bytes`);
  assert.ok(total < LIMIT, `${total} bytes`);
});

test("the document has no inline scripts or styles, and loads only from this server", () => {
  const html = readFileSync(new URL("index.html", DIST), "utf8");
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/i);
  for (const [, attributes, body] of html.matchAll(/<script([^>]*)>([^<]*)/g)) {
    assert.match(attributes, /src="\/assets\//);
    assert.equal(body.trim(), "");
  }
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]*)"/g))
    assert.match(address, /^(\/assets\/|data:image\/)/);
});

// docs/security.md names the tests that prove its claims. Those tests must exist.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every test named in docs/security.md exists, by file and title", () => {
  const named = [];
  for (const paragraph of read("docs/security.md").split("\n\n")) {
    // A title belongs to the last file named before it.
    let file;
    for (const [, path, title] of paragraph
      .replace(/\s+/g, " ")
      .matchAll(/`((?:tests|test-ui)\/[^`]*\.\w+)`|"([^"]+)"/g)) {
      if (path) file = path;
      else if (file) named.push([file, title]);
      if (path) assert.ok(read(path).length > 0, path);
    }
  }
  assert.ok(named.length > 30, `${named.length} titles`);
  for (const [file, title] of named) assert.ok(read(file).includes(title), `${file}: ${title}`);
});

// docs/security.md names the tests that show what it says: they must be there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("every test that docs/security.md names is there, by file and title", () => {
  const named = [];
  for (const paragraph of read("docs/security.md").split("\n\n")) {
    // A title belongs to the file named last before it.
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

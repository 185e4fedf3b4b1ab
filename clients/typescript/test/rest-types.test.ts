// The REST types of the client are generated from the server's OpenAPI document.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import openapiTS, { astToString, type OpenAPI3 } from "openapi-typescript";
import { World } from "./lib/world.js";

const FILE = new URL("../src/rest-types.ts", import.meta.url);

const HEADER = `// Generated from the schemas of the server's OpenAPI document (GET /api/openapi.json). Do not edit.
// Update: npm run generate
`;

test("the REST types match the server's OpenAPI document", async (t) => {
  const world = await World.open(t);
  const response = await fetch(`${world.server.url}/api/openapi.json`);
  const document = (await response.json()) as OpenAPI3;
  // The types of the routes are left out: they repeat every error response of every route, about 4,500 lines.
  const schemas = await openapiTS(
    { ...document, paths: {} },
    { alphabetize: true, rootTypes: true, rootTypesNoSchemaPrefix: true },
  );
  const generated = HEADER + astToString(schemas);
  if (process.env.SYNCSCRIPT_UPDATE !== undefined) writeFileSync(FILE, generated);
  assert.ok(readFileSync(FILE, "utf8") === generated, "src/rest-types.ts is out of date. Update it: npm run generate");
});

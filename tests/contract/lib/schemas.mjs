// Validators for the messages of the AsyncAPI document, stricter than the document: an extra field fails too.
import Ajv from "ajv/dist/2019.js";
import addFormats from "ajv-formats";

/** Returns a validator for each message of the document, by its key, for example `event.source:created`. */
export function compileMessages(document) {
  const ajv = new Ajv.default({ allErrors: true, strict: false });
  addFormats.default(ajv);
  const compiled = new Map();
  for (const [key, { payload }] of Object.entries(document.components.messages)) {
    compiled.set(key, ajv.compile(closeSchema(payload, document)));
  }
  return compiled;
}

/**
 * Returns the schema with references resolved and additional fields forbidden. In a schema composed of several, only the
 * composition forbids them (`part` marks its parts).
 */
function closeSchema(schema, document, part = false) {
  const result = { ...resolveReference(schema, document) };
  if (result.properties) {
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([name, property]) => [name, closeSchema(property, document)]),
    );
    if (!part) result.unevaluatedProperties = false;
  }
  if (result.items) result.items = closeSchema(result.items, document);
  for (const keyword of ["allOf", "anyOf", "oneOf"]) {
    if (!result[keyword]) continue;
    const isComposed = part || result.properties !== undefined;
    result[keyword] = result[keyword].map((branch) => closeSchema(branch, document, isComposed));
  }
  return result;
}

function resolveReference(schema, document) {
  if (!schema.$ref) return schema;
  const path = schema.$ref.replace(/^#\//, "").split("/");
  return path.reduce((node, name) => node[name], document);
}

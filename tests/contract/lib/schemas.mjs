// The messages of the AsyncAPI document as validators, stricter than they are: a field too many fails too.
import Ajv from "ajv/dist/2019.js";
import addFormats from "ajv-formats";

/** A validator for each message of the document, by its key: `event.source:created`. */
export function validators(document) {
  const ajv = new Ajv.default({ allErrors: true, strict: false });
  addFormats.default(ajv);
  const compiled = new Map();
  for (const [key, { payload }] of Object.entries(document.components.messages)) {
    compiled.set(key, ajv.compile(closed(payload, document)));
  }
  return compiled;
}

/**
 * The schema without references, and without room for fields that it does not name. Where one schema is put together
 * from several, only the whole is closed (`part` tells the pieces).
 */
function closed(schema, document, part = false) {
  const whole = { ...resolved(schema, document) };
  if (whole.properties) {
    whole.properties = Object.fromEntries(
      Object.entries(whole.properties).map(([name, property]) => [name, closed(property, document)]),
    );
    if (!part) whole.unevaluatedProperties = false;
  }
  if (whole.items) whole.items = closed(whole.items, document);
  for (const word of ["allOf", "anyOf", "oneOf"]) {
    if (!whole[word]) continue;
    const pieces = part || whole.properties !== undefined;
    whole[word] = whole[word].map((piece) => closed(piece, document, pieces));
  }
  return whole;
}

function resolved(schema, document) {
  if (!schema.$ref) return schema;
  const path = schema.$ref.replace(/^#\//, "").split("/");
  return path.reduce((node, name) => node[name], document);
}

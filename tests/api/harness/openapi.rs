//! Checks every response of every test against the OpenAPI document.

use std::sync::LazyLock;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&syncscript::http::openapi::DOCUMENT).expect("the document is JSON"));

/// Headers that clients use, and that must therefore be documented.
const HEADERS: [&str; 5] = ["ETag", "Location", "Retry-After", "Set-Cookie", "X-Vault-Seq"];

/// Asserts that the document describes the response's status, code and headers for the method and path.
pub fn assert_documented(method: &str, path: &str, status: StatusCode, headers: &HeaderMap, text: &str) {
    if method == "OPTIONS" {
        // A browser's preflight request: no route answers it.
        return;
    }
    let response = format!("{method} {path} -> {status} {text}");
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    // A path without a parameter takes precedence over one with a parameter.
    let best = paths
        .iter()
        .filter(|(template, _)| matches(template, path))
        .min_by_key(|(template, _)| template.matches('{').count());
    let Some((template, item)) = best else {
        assert!([404, 405].contains(&status.as_u16()), "{response}: the path is not documented");
        return;
    };
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let Some(operation) = item.get(&method) else {
        // A foreign origin is rejected before the method is checked.
        assert!([403, 405].contains(&status.as_u16()), "{response}: the method is not documented at {template}");
        return;
    };
    let documented = operation["responses"].get(status.as_str());
    let documented =
        documented.unwrap_or_else(|| panic!("{response}: the status is not documented at {method} {template}"));
    for name in HEADERS.into_iter().filter(|name| headers.contains_key(*name)) {
        assert!(
            documented["headers"].get(name).is_some(),
            "{response}: {name} is not documented at {method} {template}"
        );
    }
    if status.as_u16() >= 400 && !text.is_empty() {
        let body: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{response} is not JSON: {error}"));
        let code = &body["code"];
        let schema = &documented["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array().expect("codes");
        assert!(codes.contains(code), "{response}: {code} is not documented at {method} {template}");
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut expected, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return true,
            (Some(expected), Some(found)) if expected == found || expected.starts_with('{') && !found.is_empty() => {}
            _ => return false,
        }
    }
}

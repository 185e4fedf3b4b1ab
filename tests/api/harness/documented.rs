//! Whatever a test asks, the document must have said that it can be answered so.

use std::sync::LazyLock;

use serde_json::Value;

use super::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&syncscript::http::openapi::DOCUMENT).expect("the document is JSON"));

/// Headers that tell a client something, and so are documented.
const HEADERS: [&str; 5] = ["ETag", "Location", "Retry-After", "Set-Cookie", "X-Vault-Seq"];

/// Asserts that the answer's status, its code and its headers are documented for the path and method.
pub fn check(method: &str, path: &str, answer: &Answer) {
    if method == "OPTIONS" {
        // Asked by browsers before a request of another origin: no route answers that.
        return;
    }
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    // A path without a parameter goes before one with.
    let best = paths
        .iter()
        .filter(|(template, _)| fits(template, path))
        .min_by_key(|(template, _)| template.matches('{').count());
    let Some((template, item)) = best else {
        assert!([404, 405].contains(&answer.status.as_u16()), "{answer}: the path is not documented");
        return;
    };
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let Some(operation) = item.get(&method) else {
        // A foreign page is refused before anything else is looked at.
        assert!([403, 405].contains(&answer.status.as_u16()), "{answer}: the method is not documented at {template}");
        return;
    };
    let response = operation["responses"].get(answer.status.as_str());
    let response = response.unwrap_or_else(|| panic!("{answer}: the status is not documented at {method} {template}"));
    for name in HEADERS.into_iter().filter(|name| answer.headers.contains_key(*name)) {
        assert!(response["headers"].get(name).is_some(), "{answer}: {name} is not documented at {method} {template}");
    }
    if answer.status.as_u16() >= 400 && !answer.text.is_empty() {
        let code = &answer.json()["code"];
        let schema = &response["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array().expect("codes");
        assert!(codes.contains(code), "{answer}: {code} is not documented at {method} {template}");
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found || wanted.starts_with('{') && !found.is_empty() => {}
            _ => return false,
        }
    }
}

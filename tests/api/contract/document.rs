//! The OpenAPI document, as the server serves it.

use serde_json::Value;

pub fn openapi() -> Value {
    serde_json::from_str(&syncscript::http::openapi::DOCUMENT).expect("the document is JSON")
}

/// Every method and path of the document.
pub fn documented_routes() -> Vec<(String, String)> {
    let document = openapi();
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

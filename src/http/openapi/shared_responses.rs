//! The parts that many operations share: response headers and problem responses.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, Header, OpenApi, PathItem, RefOr, Response, ResponseBuilder, Schema};

use super::operation_problems::{example_errors, has_parameter, problem_codes};
use crate::error::Error;
use crate::http::problem::Problem;
use crate::http::vault_seq::VAULT_SEQ;

/// Adds the shared headers and problem responses to the document.
pub struct SharedResponses;

impl Modify for SharedResponses {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            for (is_mutation, operation) in operations(item) {
                add_headers(operation);
                add_problems(operation, is_mutation);
            }
        }
    }
}

/// Returns the operations of a path, each with whether its method changes something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, post, put, patch, delete, .. } = item;
    let mutations = [post, put, patch, delete].into_iter().flatten().map(|operation| (true, operation));
    get.iter_mut().map(|operation| (false, operation)).chain(mutations)
}

fn add_headers(operation: &mut Operation) {
    let is_command = has_parameter(operation.parameters.as_deref(), "Idempotency-Key");
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            let id = header("The id of the request in the server's log");
            response.headers.insert("X-Request-Id".to_owned(), id.into());
            if is_command && status.starts_with('2') {
                let seq = header("The position of the event in the vault's log");
                response.headers.insert(VAULT_SEQ.to_owned(), seq.into());
            }
        }
    }
}

fn add_problems(operation: &mut Operation, is_mutation: bool) {
    let mut codes = problem_codes(operation, is_mutation);
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    let examples = example_errors();
    for error in examples.iter().filter(|error| codes.remove(error.code())) {
        by_status.entry(error.status().as_u16()).or_default().push(error);
    }
    debug_assert!(codes.is_empty(), "no error has the code {codes:?}");
    for (status, errors) in by_status {
        operation.responses.responses.insert(status.to_string(), RefOr::T(problem_response(&errors)));
    }
}

/// Describes the response for these errors, which share a status.
fn problem_response(errors: &[&Error]) -> Response {
    let codes: Vec<&str> = errors.iter().map(|error| error.code()).collect();
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "type": "object", "properties": { "code": { "type": "string", "enum": codes } } },
        ],
    });
    let example = |error: &Error| {
        let problem = serde_json::to_value(Problem::new(error, "0f8fad5bd9cb469fa16570867728950e"));
        (error.code(), ExampleBuilder::new().value(problem.ok()).build())
    };
    let content = ContentBuilder::new()
        .schema(serde_json::from_value::<RefOr<Schema>>(schema).ok())
        .examples_from_iter(errors.iter().map(|error| example(error)))
        .build();
    let mut response = ResponseBuilder::new()
        .description(codes.join(" or "))
        .content("application/problem+json", content)
        .header("X-Request-Id", header("The `requestId` of the document"));
    if errors.iter().any(|error| error.retry_after_s().is_some()) {
        response = response.header("Retry-After", header("Seconds to wait before trying again"));
    }
    response.build()
}

fn header(description: &str) -> Header {
    HeaderBuilder::new().description(Some(description)).build()
}

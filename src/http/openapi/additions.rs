//! What follows for an operation from what is said of it: the problems that it may answer with, and the headers that
//! many answers share.
//!
//! An operation names the problems of its own in the extension `x-problems`. Status, document and example of a problem
//! come from the error itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{ContentBuilder, Header, OpenApi, PathItem, RefOr, ResponseBuilder, Schema};

use crate::domain::VaultName;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::http::vaults::VAULT_SEQ;

/// Where an operation names its problems.
pub const PROBLEMS: &str = "x-problems";

/// Adds it all.
pub struct Additions;

impl Modify for Additions {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            for (changes, operation) in operations(item) {
                complete(operation, changes);
            }
        }
    }
}

/// The operations of a path, each with whether it changes something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, post, put, patch, delete, .. } = item;
    let changing = [post, put, patch, delete].into_iter().flatten().map(|operation| (true, operation));
    get.iter_mut().map(|operation| (false, operation)).chain(changing)
}

fn complete(operation: &mut Operation, changes: bool) {
    let mut codes: BTreeSet<String> = operation
        .extensions
        .iter()
        .filter_map(|extensions| extensions.get(PROBLEMS)?.as_array())
        .flatten()
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect();
    codes.extend(implied(operation, changes).map(str::to_owned));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            response.headers.insert("X-Request-Id".to_owned(), header("Names the request in the server's log"));
            if takes(operation.parameters.as_deref(), "Idempotency-Key") && status.starts_with('2') {
                response.headers.insert(VAULT_SEQ.to_owned(), header("The event's place in the vault's log"));
            }
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&Error>> = BTreeMap::new();
    let samples = samples();
    for error in samples.iter().filter(|error| codes.remove(error.code())) {
        by_status.entry(error.status().as_u16()).or_default().push(error);
    }
    debug_assert!(codes.is_empty(), "no error has the code {codes:?}");
    for (status, errors) in by_status {
        operation.responses.responses.insert(status.to_string(), RefOr::T(response(&errors)));
    }
}

/// The problems that the operation's parts bring along.
fn implied(operation: &Operation, changes: bool) -> impl Iterator<Item = &'static str> + use<> {
    let parameters = operation.parameters.as_deref();
    // Without requirements of its own, those of the whole document hold: a session.
    let session = operation.security.is_none();
    let repeatable = takes(parameters, "Idempotency-Key");
    let read = |parameter: &Parameter| {
        // A text in a path is taken as it is.
        parameter.parameter_in == ParameterIn::Query || parameter.name == "If-Match" || parameter.name.ends_with("Id")
    };
    let parsed = parameters.is_some_and(|all| all.iter().any(|one| matches!(one, RefOr::T(one) if read(one))));
    let body = operation.request_body.is_some();
    [
        (&["INTERNAL", "UNAVAILABLE", "TIMEOUT"][..], true),
        (&["UNAUTHORIZED"], session),
        (&["FOREIGN_ORIGIN"], changes),
        (&["BAD_REQUEST"], parsed || body),
        (&["TOO_LARGE", "NOT_JSON"], body),
        (&["INVALID", "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_IN_FLIGHT"], repeatable),
    ]
    .into_iter()
    .filter(|(_, applies)| *applies)
    .flat_map(|(codes, _)| codes.iter().copied())
}

fn takes(parameters: Option<&[RefOr<Parameter>]>, name: &str) -> bool {
    parameters.is_some_and(|all| all.iter().any(|one| matches!(one, RefOr::T(one) if one.name == name)))
}

/// The response that answers with one of these errors, which share a status.
fn response(errors: &[&Error]) -> utoipa::openapi::Response {
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
        .header("X-Request-Id", text_header("The `requestId` of the document"));
    if errors.iter().any(|error| error.retry_after_s().is_some()) {
        response = response.header("Retry-After", text_header("Seconds to wait before trying again"));
    }
    response.build()
}

fn header(description: &str) -> RefOr<Header> {
    RefOr::T(text_header(description))
}

fn text_header(description: &str) -> Header {
    HeaderBuilder::new().description(Some(description)).build()
}

/// One of each error that REST answers with.
fn samples() -> Vec<Error> {
    let cause = || Box::<dyn std::error::Error + Send + Sync>::from("");
    let mut samples = vec![
        Error::BadRequest("The id in the path must be a UUID".to_owned()),
        Error::Unauthorized,
        Error::BadCredentials,
        Error::ForeignOrigin,
        Error::Forbidden,
        Error::NotFound,
        Error::TooLarge { limit: crate::http::BODY_LIMIT },
        Error::NotJson,
        Error::NotForm,
        Error::LastOwner,
        Error::EmailTaken,
        Error::UnknownEmail,
        Error::AlreadyMember,
        Error::Compacted,
        Error::VersionMismatch,
        Error::KeyReused,
        Error::KeyInFlight,
        Error::TooManyAttempts { retry_after_s: 12 },
        Error::Timeout,
        Error::Unavailable(cause()),
        Error::Internal(cause()),
    ];
    samples.extend(VaultName::parse(String::new()).err().map(Error::Invalid));
    samples
}

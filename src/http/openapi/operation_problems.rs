//! The problems that an operation may respond with: those in its extension `x-problems`, and those implied by its
//! parameters, body and security.

use std::collections::BTreeSet;
use std::error::Error as StdError;

use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};

use crate::domain::VaultName;
use crate::error::Error;
use crate::http::middleware::body_limit::BODY_LIMIT;

/// The extension in which an operation lists its own problems.
const PROBLEMS: &str = "x-problems";

/// Returns the codes of all problems of an operation.
pub fn problem_codes(operation: &Operation, is_mutation: bool) -> BTreeSet<String> {
    let own = operation
        .extensions
        .iter()
        .filter_map(|extensions| extensions.get(PROBLEMS)?.as_array())
        .flatten()
        .filter_map(|code| code.as_str().map(str::to_owned));
    own.chain(implied_codes(operation, is_mutation).map(str::to_owned)).collect()
}

/// Returns whether an operation has a parameter of this name.
pub fn has_parameter(parameters: Option<&[RefOr<Parameter>]>, name: &str) -> bool {
    parameters.is_some_and(|all| all.iter().any(|parameter| matches!(parameter, RefOr::T(found) if found.name == name)))
}

fn implied_codes(operation: &Operation, is_mutation: bool) -> impl Iterator<Item = &'static str> + use<> {
    let parameters = operation.parameters.as_deref();
    // An operation without its own security inherits the document's: a session.
    let needs_session = operation.security.is_none();
    let repeatable = has_parameter(parameters, "Idempotency-Key");
    // Text in a path is not parsed.
    let is_parsed = |parameter: &Parameter| {
        parameter.parameter_in == ParameterIn::Query || parameter.name == "If-Match" || parameter.name.ends_with("Id")
    };
    let parsed = parameters
        .is_some_and(|all| all.iter().any(|parameter| matches!(parameter, RefOr::T(found) if is_parsed(found))));
    let has_body = operation.request_body.is_some();
    [
        (&["INTERNAL", "UNAVAILABLE", "TIMEOUT"][..], true),
        (&["UNAUTHORIZED"], needs_session),
        (&["FOREIGN_ORIGIN"], is_mutation),
        (&["BAD_REQUEST"], parsed || has_body),
        (&["TOO_LARGE", "NOT_JSON"], has_body),
        (&["INVALID", "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_IN_FLIGHT"], repeatable),
    ]
    .into_iter()
    .filter(|(_, applies)| *applies)
    .flat_map(|(codes, _)| codes.iter().copied())
}

/// Returns an example of each error that REST responds with. Status, code and message come from the error itself.
pub fn example_errors() -> Vec<Error> {
    let cause = || Box::<dyn StdError + Send + Sync>::from("");
    let mut examples = vec![
        Error::BadRequest("The id in the path must be a UUID".to_owned()),
        Error::Unauthorized,
        Error::BadCredentials,
        Error::ForeignOrigin,
        Error::Forbidden,
        Error::NotFound,
        Error::TooLarge { limit: BODY_LIMIT },
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
    examples.extend(VaultName::parse(String::new()).err().map(Error::Invalid));
    examples
}

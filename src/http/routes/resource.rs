//! Resources that answer GET and HEAD.

use actix_web::{FromRequest, Handler, Resource, Responder, web};

/// Returns a resource that answers GET and HEAD (RFC 9110). For HEAD, the connection leaves out the body.
pub fn get<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args> + Copy,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::get().to(handler)).route(web::head().to(handler))
}

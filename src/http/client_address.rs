//! The client's address, for rate limits.

use std::net::IpAddr;

use actix_web::HttpRequest;

use super::state::AppState;

/// Returns the address of the client. Behind a trusted proxy, that is the last entry of `X-Forwarded-For`.
pub fn client_address(state: &AppState, request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    if !state.settings.trust_proxy {
        return peer;
    }
    // Our own proxy wrote the last entry; the client can forge the entries before it.
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok()).or(peer)
}

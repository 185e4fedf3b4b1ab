//! The users of a run: registration of the first one, and logins.

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::http::Http;
use crate::target::Running;

const PASSWORD: &str = "benchmark-password";

/// Number of concurrent logins. Hashing a password occupies a core, so more connections would not be faster.
const CONCURRENT_LOGINS: usize = 4;

fn email(number: usize) -> String {
    format!("user{number}@bench.test")
}

/// Registers user 0. The server hashes the password in its own way; SQL then copies the user.
///
/// # Errors
/// If the server rejects the registration.
pub async fn register_first(running: &Running) -> Result<()> {
    let body = format!(r#"{{"email":"{}","name":"Benchmark User 0","password":"{PASSWORD}"}}"#, email(0));
    Http::connect(running.nodes[0]).await?.post("/api/auth/register", "", body.as_bytes()).await?.expect(201)?;
    Ok(())
}

/// Logs in users 0 to `count` - 1 and returns their session cookies, in no particular order.
///
/// # Errors
/// If a login fails.
pub async fn sign_in(running: &Running, count: usize) -> Result<Vec<String>> {
    let mut logins = JoinSet::new();
    for first in 0..CONCURRENT_LOGINS {
        let node = running.nodes[0];
        logins.spawn(async move {
            let (mut http, mut cookies) = (Http::connect(node).await?, Vec::new());
            for number in (first..count).step_by(CONCURRENT_LOGINS) {
                let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, email(number));
                let response = http.post("/api/auth/login", "", body.as_bytes()).await?.expect(200)?;
                cookies.push(response.cookie.context("the login response sets no cookie")?);
            }
            anyhow::Ok(cookies)
        });
    }
    let mut cookies = Vec::new();
    while let Some(done) = logins.join_next().await {
        cookies.extend(done??);
    }
    Ok(cookies)
}

//! Waits longer after each failure. The only place that knows the `backoff` crate, which is no longer maintained.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use backoff::ExponentialBackoff;

/// Repeats `op` until it succeeds: at once, then after about 0.1 s, growing to 5 s, each wait randomised by half so
/// that the nodes of a cluster do not return in step. Each failure is logged once as `what` failed.
pub async fn until_ok<T, E, F, Fut>(what: &str, mut op: F) -> T
where
    E: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let policy = ExponentialBackoff {
        initial_interval: Duration::from_millis(100),
        max_interval: Duration::from_secs(5),
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    loop {
        let attempt = backoff::future::retry_notify(
            policy.clone(),
            || {
                let running = op();
                async { running.await.map_err(backoff::Error::transient) }
            },
            |error: E, wait: Duration| tracing::warn!(%error, retry_in_ms = wait.as_millis() as u64, "{what} failed"),
        );
        // Without a limit on the elapsed time the policy never gives up; the loop says so to the compiler.
        if let Ok(value) = attempt.await {
            return value;
        }
    }
}

//! Retries with growing delays. The only module that uses the `backoff` crate, which is no longer maintained.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use backoff::ExponentialBackoff;

/// Repeats `op` until it succeeds, and logs each failure as "`what` failed".
///
/// The first retry follows after about 0.1 s; the delay grows to 5 s. Each delay is randomised by half, so that the nodes
/// of a cluster do not retry in step.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut attempts = 0;
/// let value = outbox_worker::retry::until_ok("counting", || {
///     attempts += 1;
///     std::future::ready(if attempts < 2 { Err("too few") } else { Ok(attempts) })
/// });
/// assert_eq!(value.await, 2);
/// # });
/// ```
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
        // The policy has no time limit, so it never gives up. The loop exists for the type checker.
        if let Ok(value) = attempt.await {
            return value;
        }
    }
}

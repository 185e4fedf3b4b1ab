//! Runs a command with an `Idempotency-Key` once, and answers repetitions with the stored response (I9).
//!
//! The mutation and its stored response are committed in one transaction, so either both exist or neither.
//! **On failure.** A rejected or failed mutation stores no response, so a repetition runs again. If the connection
//! breaks during the commit, a repetition shows whether the mutation was committed.

use std::time::Duration;

use futures_util::future::BoxFuture;
use outbox_worker::Db;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use syncscript_types::UserId;

use super::caller::Caller;
use crate::domain::{Applied, IdempotencyKey};
use crate::error::Error;
use crate::store::idempotency::{self, KeyState};
use crate::store::{self, StoreError};

/// What a command returns.
pub type CommandResult<T> = Result<Applied<T>, Error>;

/// A mutation that runs on one connection.
pub type Mutation<'c, T> = BoxFuture<'c, store::Result<Applied<T>>>;

/// A command that must run once: its key, and a hash of its content.
pub struct IdempotentRequest<'a> {
    user: UserId,
    key: &'a IdempotencyKey,
    request_hash: [u8; 32],
}

impl<'a> IdempotentRequest<'a> {
    /// Returns `None` if the caller sent no key. `request` is the command's name and arguments.
    ///
    /// # Errors
    /// Only defects.
    pub fn new(caller: &'a Caller, request: &impl Serialize) -> Result<Option<Self>, Error> {
        let Some(key) = &caller.key else { return Ok(None) };
        let request_hash = Sha256::digest(serde_json::to_vec(request).map_err(internal)?).into();
        Ok(Some(Self { user: caller.id, key, request_hash }))
    }
}

/// Runs the mutation, or returns the stored response of the request's first run. It is valid for `key_lifetime`.
///
/// # Errors
/// KeyReused, KeyInFlight; the errors of the mutation; outages.
pub async fn run_idempotent<T, F>(
    pool: &Db,
    key_lifetime: Duration,
    request: IdempotentRequest<'_>,
    mutation: F,
) -> CommandResult<T>
where
    T: Serialize + DeserializeOwned,
    F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
{
    let mut lease = pool.lease().await.map_err(StoreError::from)?;
    let mut transaction = lease.begin().await.map_err(StoreError::from)?;
    let outcome = replay_or_run(&mut transaction, key_lifetime, &request, mutation).await;
    // Ends the transaction now, not at the connection's next use, because the key stays locked until the end.
    match &outcome {
        Ok(_) => transaction.commit().await,
        Err(_) => transaction.rollback().await,
    }
    .map_err(StoreError::from)?;
    lease.give_back();
    outcome
}

async fn replay_or_run<T, F>(
    db: &mut PgConnection,
    key_lifetime: Duration,
    request: &IdempotentRequest<'_>,
    mutation: F,
) -> CommandResult<T>
where
    T: Serialize + DeserializeOwned,
    F: for<'c> FnOnce(&'c mut PgConnection) -> Mutation<'c, T>,
{
    let IdempotentRequest { user, key, request_hash } = request;
    match idempotency::claim(db, *user, key, key_lifetime.as_secs_f64()).await? {
        KeyState::Used(first_hash, response) if first_hash == *request_hash => {
            serde_json::from_value(response).map_err(internal)
        }
        KeyState::Used(..) => Err(Error::KeyReused),
        KeyState::InFlight => Err(Error::KeyInFlight),
        KeyState::New => {
            let applied = mutation(db).await?;
            let response = serde_json::to_value(&applied).map_err(internal)?;
            idempotency::store_response(db, *user, key, request_hash, &response).await?;
            Ok(applied)
        }
    }
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(error.into())
}

//! What each event of a client does, and how it is answered.
//!
//! Mutations run the very commands of the REST handlers; subscribers hear of them from the outbox alone. An answer goes
//! to the acknowledgement, if the client asked for one; a refusal is emitted as `error` too.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use socketioxide::extract::SocketRef;
use syncscript_types::{Seq, UserId, VaultId};

use super::Realtime;
use super::inbox::{Client, Inbound};
use super::join::{self, JoinError};
use super::member::{Sent, send};
use super::wire;
use super::wire::{
    Deleted, Done, InVault, JoinBody, JoinEnd, Left, LeftOnTheWay, Nothing, OfSource, Refused, VaultRef, Written,
};
use crate::command::{NewSourceBody, SourceChangeBody};
use crate::domain::{Applied, Source};
use crate::error::Error;

/// Why an event was refused, and the vault that it named.
struct Refusal {
    error: Error,
    vault: Option<VaultId>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, vault: None }
    }
}

/// Works through one event.
pub async fn handle(realtime: &Arc<Realtime>, client: &Arc<Client>, inbound: Inbound) {
    let Inbound { socket, event, data, ack } = inbound;
    let outcome = match (event.as_str(), data) {
        (_, None) => Err(bad_request(&event).into()),
        ("vault:join", Some(data)) => vault_join(realtime, client, &socket, data).await,
        ("vault:leave", Some(data)) => vault_leave(realtime, client, &socket, data),
        ("source:created", Some(data)) => source_created(realtime, client.user.id, data).await,
        ("source:updated", Some(data)) => source_updated(realtime, client.user.id, data).await,
        ("source:deleted", Some(data)) => source_deleted(realtime, client.user.id, data).await,
        _ => Err(Error::BadRequest(format!("There is no event {event:?} for clients to send")).into()),
    };
    let answer = match outcome {
        Ok(Some(answer)) => answer,
        // The socket went away meanwhile: nobody to answer.
        Ok(None) => return,
        Err(refusal) => return answer_error(realtime, &socket, ack, refusal),
    };
    if ack.send(&answer).is_err() {
        realtime.lines.cut(&socket);
    }
}

/// Refuses an event that was not looked at.
pub fn refuse(inbound: Inbound, error: &Error) {
    let body = wire::Refusal { code: error.code().to_owned(), message: error.to_string(), vault_id: None };
    // Both may find the buffer full, since this client reads less than it sends: then it is not told, only refused.
    if send(&inbound.socket, "error", &body) == Sent::Queued {
        inbound.ack.send(&Refused::new(body)).ok();
    }
}

fn answer_error(realtime: &Realtime, socket: &SocketRef, ack: socketioxide::extract::AckSender, refusal: Refusal) {
    let Refusal { error, vault } = refusal;
    if let Error::Internal(cause) | Error::Unavailable(cause) = &error {
        tracing::warn!(%cause, "an event of a socket failed");
    }
    let (code, message) = match (&error, vault) {
        // Unknown and forbidden alike, in the words of the contract.
        (Error::NotFound, Some(_)) => ("ACCESS_DENIED", "Access denied to vault".to_owned()),
        _ => (error.code(), error.to_string()),
    };
    let body = wire::Refusal { code: code.to_owned(), message, vault_id: vault };
    if send(socket, "error", &body) == Sent::Full || ack.send(&Refused::new(body)).is_err() {
        realtime.lines.cut(socket);
    }
}

/// What the acknowledgement says; none where the socket is gone.
type Outcome = Result<Option<Value>, Refusal>;

fn done<T: Serialize>(answer: T) -> Outcome {
    let answer = serde_json::to_value(Done::new(answer)).map_err(|error| Error::Internal(error.into()))?;
    Ok(Some(answer))
}

async fn vault_join(realtime: &Arc<Realtime>, client: &Arc<Client>, socket: &SocketRef, data: Value) -> Outcome {
    let (vault, after) = match parse::<VaultRef>(data, "vault:join")? {
        VaultRef::Id(vault) => (vault, None),
        VaultRef::Object(JoinBody { vault_id, after }) => (vault_id, after),
    };
    let after = after.map(Seq::new).transpose();
    let after = after.map_err(|_| Error::BadRequest("after must be 0 or a seq".to_owned()))?;
    match join::join(realtime, client, socket, vault, after).await {
        Ok(joined) => done(JoinEnd::Joined(joined)),
        Err(JoinError::Left(revocation)) => done(JoinEnd::Left(LeftOnTheWay { vault_id: vault, left: revocation })),
        Err(JoinError::Disconnected) => Ok(None),
        Err(JoinError::Refused(error) | JoinError::NotNow(error)) => Err(Refusal { error, vault: Some(vault) }),
    }
}

fn vault_leave(realtime: &Realtime, client: &Client, socket: &SocketRef, data: Value) -> Outcome {
    let vault = match parse::<VaultRef>(data, "vault:leave")? {
        VaultRef::Id(vault) | VaultRef::Object(JoinBody { vault_id: vault, .. }) => vault,
    };
    realtime.feeds.leave(vault, socket.id);
    client.left(vault);
    let answer = Left { vault_id: vault, reason: None };
    match send(socket, "vault:left", &answer) {
        Sent::Queued => done(answer),
        Sent::Closed => Ok(None),
        Sent::Full => {
            realtime.lines.cut(socket);
            Ok(None)
        }
    }
}

async fn source_created(realtime: &Realtime, actor: UserId, data: Value) -> Outcome {
    let InVault { vault_id, body } = parse(data, "source:created")?;
    let new = parse::<NewSourceBody>(body, "source:created")?.try_into()?;
    let created = realtime.commands.create_source(&actor.into(), vault_id, new).await;
    written(created.map_err(|error| Refusal { error, vault: Some(vault_id) })?)
}

async fn source_updated(realtime: &Realtime, actor: UserId, data: Value) -> Outcome {
    let OfSource { source_id, body } = parse(data, "source:updated")?;
    let change = parse::<SourceChangeBody>(body, "source:updated")?.try_into()?;
    written(realtime.commands.update_source(&actor.into(), source_id, change, None).await?)
}

fn written(applied: Applied<Source>) -> Outcome {
    done(Written { seq: applied.seq, source: applied.value })
}

async fn source_deleted(realtime: &Realtime, actor: UserId, data: Value) -> Outcome {
    let OfSource { source_id, body } = parse(data, "source:deleted")?;
    let Nothing {} = parse::<Nothing>(body, "source:deleted")?;
    let applied = realtime.commands.delete_source(&actor.into(), source_id, None).await?;
    done(Deleted { seq: applied.seq, source_id, vault_id: applied.vault_id })
}

fn parse<T: DeserializeOwned>(data: Value, event: &str) -> Result<T, Error> {
    // Derived structs would take an array of the values too.
    if data.is_array() {
        return Err(bad_request(event));
    }
    serde_json::from_value(data).map_err(|_| bad_request(event))
}

fn bad_request(event: &str) -> Error {
    let expected = match event {
        "vault:join" => "a vault id, or {vaultId, after}",
        "vault:leave" => "a vault id, or {vaultId}",
        "source:created" => "{vaultId, title, fileUrl}",
        "source:updated" => "{sourceId, title, fileUrl}, of which title or fileUrl may be left out",
        "source:deleted" => "{sourceId}",
        _ => "one argument",
    };
    Error::BadRequest(format!("{event} takes {expected}"))
}

//! Handles the events of clients, and acknowledges them.
//!
//! Mutations run the same commands as the REST handlers; subscribers receive them only through the outbox (I1). The
//! outcome goes into the acknowledgement, if the client asked for one. An error is emitted as `error` as well.
//! **On failure.** Outages and defects are logged, and reported to the client without their cause. A socket whose
//! buffer has no room for the answer is cut, so that its client does not wait for a lost answer.

use std::sync::Arc;

use outbox_worker::Feeds;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef};
use syncscript_types::{Seq, UserId, VaultId};

use super::backlog::JoinError;
use super::connections::Connections;
use super::emit::{EmitOutcome, emit};
use super::join::RoomJoiner;
use super::member::RoomMember;
use super::socket_session::{ClientEvent, SessionWorker, SocketSession, Task};
use super::wire::{
    EmptyBody, ErrorAck, ErrorBody, JoinBody, JoinOutcome, LeftDuringJoin, SourceDeleted, SourceRequest, SourceWritten,
    SuccessAck, VaultLeft, VaultRef, VaultRequest,
};
use crate::commands::{Commands, NewSourceBody, SourceChangeBody};
use crate::domain::{Applied, Source};
use crate::error::Error;

/// Handles the events of all sockets of this node.
pub struct EventHandlers {
    joiner: RoomJoiner,
    feeds: Arc<Feeds<RoomMember>>,
    connections: Arc<Connections>,
    commands: Commands,
}

/// Why an event failed, and the vault that the event named.
struct Failure {
    error: Error,
    vault: Option<VaultId>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, vault: None }
    }
}

impl SessionWorker for EventHandlers {
    fn spawn(self: Arc<Self>, session: Arc<SocketSession>) {
        tokio::spawn(async move {
            while let Some(task) = session.next_task() {
                match task {
                    Task::Event(event) => self.handle(&session, event).await,
                    Task::Rejoin { socket, vault, position } => {
                        self.joiner.rejoin(&session, &socket, vault, position).await;
                    }
                }
            }
        });
    }
}

/// The content of the acknowledgement; `None` if the socket is closed.
type Answer = Result<Option<Value>, Failure>;

impl EventHandlers {
    pub fn new(
        joiner: RoomJoiner,
        feeds: Arc<Feeds<RoomMember>>,
        connections: Arc<Connections>,
        commands: Commands,
    ) -> Self {
        Self { joiner, feeds, connections, commands }
    }

    /// Handles one event, and acknowledges it.
    async fn handle(&self, session: &Arc<SocketSession>, event: ClientEvent) {
        let ClientEvent { socket, name, data, ack } = event;
        let answer = match (name.as_str(), data) {
            (_, None) => Err(invalid_payload(&name).into()),
            ("vault:join", Some(data)) => self.join_vault(session, &socket, data).await,
            ("vault:leave", Some(data)) => self.leave_vault(session, &socket, data),
            ("source:created", Some(data)) => self.create_source(session.user.id, data).await,
            ("source:updated", Some(data)) => self.update_source(session.user.id, data).await,
            ("source:deleted", Some(data)) => self.delete_source(session.user.id, data).await,
            _ => Err(Error::BadRequest(format!("Clients cannot send an event {name:?}")).into()),
        };
        let answer = match answer {
            Ok(Some(answer)) => answer,
            // The socket has closed, so nobody waits for an answer.
            Ok(None) => return,
            Err(failure) => return self.answer_failure(&socket, ack, failure),
        };
        if ack.send(&answer).is_err() {
            self.connections.cut(&socket);
        }
    }

    fn answer_failure(&self, socket: &SocketRef, ack: AckSender, failure: Failure) {
        let Failure { error, vault } = failure;
        if let Error::Internal(cause) | Error::Unavailable(cause) = &error {
            tracing::warn!(%cause, "an event of a socket failed");
        }
        let (code, message) = match (&error, vault) {
            // The contract requires the same message for an unknown and a forbidden vault.
            (Error::NotFound, Some(_)) => ("ACCESS_DENIED", "Access denied to vault".to_owned()),
            _ => (error.code(), error.to_string()),
        };
        let body = ErrorBody { code: code.to_owned(), message, vault_id: vault };
        if emit(socket, "error", &body) == EmitOutcome::Full || ack.send(&ErrorAck::new(body)).is_err() {
            self.connections.cut(socket);
        }
    }

    async fn join_vault(&self, session: &Arc<SocketSession>, socket: &SocketRef, data: Value) -> Answer {
        let (vault, after) = match parse::<VaultRef>(data, "vault:join")? {
            VaultRef::Id(vault) => (vault, None),
            VaultRef::Object(JoinBody { vault_id, after }) => (vault_id, after),
        };
        let after = after.map(Seq::new).transpose();
        let after = after.map_err(|_| Error::BadRequest("after must be 0 or a seq".to_owned()))?;
        match self.joiner.join(session, socket, vault, after).await {
            Ok(joined) => success(JoinOutcome::Joined(joined)),
            Err(JoinError::AccessRevoked(revocation)) => {
                success(JoinOutcome::Left(LeftDuringJoin { vault_id: vault, left: revocation }))
            }
            Err(JoinError::Disconnected) => Ok(None),
            Err(JoinError::Rejected(error) | JoinError::Deferred(error)) => Err(Failure { error, vault: Some(vault) }),
        }
    }

    fn leave_vault(&self, session: &SocketSession, socket: &SocketRef, data: Value) -> Answer {
        let vault = match parse::<VaultRef>(data, "vault:leave")? {
            VaultRef::Id(vault) | VaultRef::Object(JoinBody { vault_id: vault, .. }) => vault,
        };
        self.feeds.leave(vault, socket.id);
        session.remove_vault(vault);
        let left = VaultLeft { vault_id: vault, reason: None };
        match emit(socket, "vault:left", &left) {
            EmitOutcome::Queued => success(left),
            EmitOutcome::Closed => Ok(None),
            EmitOutcome::Full => {
                self.connections.cut(socket);
                Ok(None)
            }
        }
    }

    async fn create_source(&self, actor: UserId, data: Value) -> Answer {
        let VaultRequest { vault_id, body } = parse(data, "source:created")?;
        let new = parse::<NewSourceBody>(body, "source:created")?.try_into()?;
        let created = self.commands.create_source(&actor.into(), vault_id, new).await;
        source_written(created.map_err(|error| Failure { error, vault: Some(vault_id) })?)
    }

    async fn update_source(&self, actor: UserId, data: Value) -> Answer {
        let SourceRequest { source_id, body } = parse(data, "source:updated")?;
        let change = parse::<SourceChangeBody>(body, "source:updated")?.try_into()?;
        source_written(self.commands.update_source(&actor.into(), source_id, change, None).await?)
    }

    async fn delete_source(&self, actor: UserId, data: Value) -> Answer {
        let SourceRequest { source_id, body } = parse(data, "source:deleted")?;
        let EmptyBody {} = parse::<EmptyBody>(body, "source:deleted")?;
        let applied = self.commands.delete_source(&actor.into(), source_id, None).await?;
        success(SourceDeleted { seq: applied.seq, source_id, vault_id: applied.vault_id })
    }
}

fn success<T: Serialize>(answer: T) -> Answer {
    let answer = serde_json::to_value(SuccessAck::new(answer)).map_err(|error| Error::Internal(error.into()))?;
    Ok(Some(answer))
}

fn source_written(applied: Applied<Source>) -> Answer {
    success(SourceWritten { seq: applied.seq, source: applied.value })
}

fn parse<T: DeserializeOwned>(data: Value, event: &str) -> Result<T, Error> {
    // Derived structs also accept an array of the fields' values.
    if data.is_array() {
        return Err(invalid_payload(event));
    }
    serde_json::from_value(data).map_err(|_| invalid_payload(event))
}

fn invalid_payload(event: &str) -> Error {
    let expected = match event {
        "vault:join" => "a vault id, or {vaultId, after}",
        "vault:leave" => "a vault id, or {vaultId}",
        "source:created" => "{vaultId, title, fileUrl}",
        "source:updated" => "{sourceId, title, fileUrl}, where title or fileUrl may be omitted",
        "source:deleted" => "{sourceId}",
        _ => "one argument",
    };
    Error::BadRequest(format!("{event} takes {expected}"))
}

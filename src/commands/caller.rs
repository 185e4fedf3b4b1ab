//! The caller of a command.

use syncscript_types::UserId;

use crate::domain::IdempotencyKey;

/// The user who calls a command.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub id: UserId,
    /// Set if the client may repeat the command, which must then run only once (I9).
    pub key: Option<IdempotencyKey>,
}

impl From<UserId> for Caller {
    fn from(id: UserId) -> Self {
        Self { id, key: None }
    }
}

//! The names of events.

use std::str::FromStr;

macro_rules! event_types {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The closed set of event types. Folding the events of a log gives the vault, its members and its sources (I7).
        ///
        /// ```
        /// use syncscript_types::EventType;
        ///
        /// assert_eq!("source:created".parse::<EventType>()?, EventType::SourceCreated);
        /// assert_eq!(EventType::SourceCreated.as_str(), "source:created");
        /// # Ok::<(), syncscript_types::UnknownEventType>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType { $($(#[$doc])* $variant),* }

        impl EventType {
            /// Returns the name used in the log and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        impl FromStr for EventType {
            type Err = UnknownEventType;

            fn from_str(name: &str) -> Result<Self, UnknownEventType> {
                match name { $($name => Ok(Self::$variant),)* _ => Err(UnknownEventType(name.to_owned())) }
            }
        }
    };
}

event_types! {
    /// A vault was created: the first event of every log.
    VaultCreated = "vault:created",
    /// A vault was renamed.
    VaultUpdated = "vault:updated",
    /// A vault was deleted: the last event of its log.
    VaultDeleted = "vault:deleted",
    /// The first event of a compacted log; replaces all events before it. Never sent to sockets.
    VaultSnapshot = "vault:snapshot",
    /// A user became a member.
    MemberAdded = "member:added",
    /// A member's role changed.
    MemberUpdated = "member:updated",
    /// A membership ended.
    MemberRemoved = "member:removed",
    /// A source was added.
    SourceCreated = "source:created",
    /// A source was changed.
    SourceUpdated = "source:updated",
    /// A source was deleted.
    SourceDeleted = "source:deleted",
}

/// An event type that this version does not know. A newer version wrote it.
#[derive(Debug, thiserror::Error)]
#[error("unknown event type {0:?}")]
pub struct UnknownEventType(String);

//! The receiving end of a feed. The server implements it for each socket in a vault's room.

use std::hash::Hash;

use syncscript_types::{Event, Seq, UserId};
use uuid::Uuid;

/// A receiver of one vault's events.
///
/// The feed holds its lock while it calls these methods, so they must not block. [`Feeds`](crate::Feeds) has an example.
pub trait Subscriber: Send + 'static {
    /// Identifies the subscriber within the feed.
    type Id: Copy + Eq + Hash + Send;

    /// Returns the subscriber's id.
    fn id(&self) -> Self::Id;

    /// Returns the user that the subscriber belongs to.
    fn user(&self) -> UserId;

    /// Confirms the join to the client. The next event that the feed offers is the one after the subscriber's position.
    ///
    /// The subscriber becomes a member only if this returns [`Delivery::Accepted`].
    fn confirm_join(&mut self) -> Delivery;

    /// Offers the next event.
    fn deliver(&self, event: &Event) -> Delivery;

    /// Offers an event that was emitted before, as part of the replay `replay_id`. The subscriber keeps its position.
    fn deliver_replayed(&mut self, event: &Event, replay_id: Uuid) -> Delivery;

    /// Reports that the feed removed the subscriber because it had no room for the event after `position`.
    fn fell_behind(self, position: Seq);

    /// Reports that the feed removed the subscriber because the feed could not continue, or because the subscriber
    /// accepted nothing for too long. The client must join again.
    fn feed_lost(&self);
}

/// A subscriber's answer to an offered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The subscriber has the event.
    Accepted,
    /// The subscriber has no room for the event now. It has no part of the event.
    Full,
    /// The subscriber accepts no more events: its connection ended, or its access to the vault did. The feed removes it.
    Closed,
}

//! A feed with members who take everything and do nothing: what remains is the feed's own work.

use std::hint::black_box;
use std::sync::Arc;

use outbox_worker::feed::Feed;
use outbox_worker::{Delivery, Entry, Feeds, Subscriber};
use serde_json::value::RawValue;
use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

/// A member.
#[derive(Debug)]
pub struct Sink(pub u32);

impl Subscriber for Sink {
    type Id = u32;

    fn id(&self) -> u32 {
        self.0
    }

    fn entered(&mut self) -> Delivery {
        Delivery::Taken
    }

    fn deliver(&self, event: &Event) -> Delivery {
        black_box(event.revocation_for(self.user()));
        Delivery::Taken
    }

    fn user(&self) -> UserId {
        Uuid::nil().into()
    }

    fn replay(&mut self, _: &Event, _: Uuid) -> Delivery {
        Delivery::Taken
    }

    fn behind(self, _: Seq) {}

    fn lost(&self) {}
}

/// An event as the relay reads it.
pub fn event(vault: VaultId, seq: Seq) -> Event {
    let payload = RawValue::from_string(r#"{"source":{"title":"A paper","version":1},"seq":1}"#.to_owned());
    Event {
        vault_id: vault,
        seq,
        event_id: Uuid::nil(),
        kind: EventType::SourceCreated,
        payload: payload.expect("JSON"),
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// A feed with this many members, at 0.
pub fn feed_of(members: u32) -> (VaultId, Arc<Feed<Sink>>) {
    let (vault, feeds) = (VaultId::from(Uuid::nil()), Arc::new(Feeds::default()));
    let joining = feeds.begin(vault);
    assert!(joining.start(Seq::START));
    for id in 0..members {
        assert!(matches!(joining.enter(Sink(id), Seq::START), Entry::Entered));
    }
    drop(joining);
    (vault, feeds.get(vault).expect("it is in use"))
}

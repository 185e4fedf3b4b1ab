//! A feed whose members accept everything and do nothing, so that only the feed's own work is measured.

use std::hint::black_box;
use std::sync::Arc;

use outbox_worker::{Admission, Delivery, Feed, Feeds, Subscriber};
use serde_json::value::RawValue;
use syncscript_types::{Event, EventType, Seq, UserId, VaultId};
use uuid::Uuid;

/// A member that accepts everything.
#[derive(Debug)]
pub struct Sink(pub u32);

impl Subscriber for Sink {
    type Id = u32;

    fn id(&self) -> u32 {
        self.0
    }

    fn confirm_join(&mut self) -> Delivery {
        Delivery::Accepted
    }

    fn deliver(&self, event: &Event) -> Delivery {
        black_box(event.revocation_for(self.user()));
        Delivery::Accepted
    }

    fn user(&self) -> UserId {
        Uuid::nil().into()
    }

    fn deliver_replayed(&mut self, _: &Event, _: Uuid) -> Delivery {
        Delivery::Accepted
    }

    fn fell_behind(self, _: Seq) {}

    fn feed_lost(&self) {}
}

/// Returns an event as the relay reads it.
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

/// Returns a feed with this many members, at position 0.
pub fn feed_of(members: u32) -> (VaultId, Arc<Feed<Sink>>) {
    let (vault, feeds) = (VaultId::from(Uuid::nil()), Arc::new(Feeds::default()));
    let join = feeds.begin_join(vault);
    assert!(join.init_position(Seq::START));
    for id in 0..members {
        assert!(matches!(join.enter(Sink(id), Seq::START), Admission::Admitted));
    }
    drop(join);
    (vault, feeds.get(vault).expect("the vault is in use"))
}

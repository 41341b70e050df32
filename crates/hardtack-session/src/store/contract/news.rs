//! Notifications of ended sessions, for a store that has a channel, and [`Store::lives`], for every store.

use super::rotation::{recognised, rotation};
use super::{NOW, begin, begin_for, did, new_id};
use crate::id::Handle;
use crate::news::{News, Seat, Watchers};
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The timeout of a notification. It is only a bound; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn prove(store: &Arc<dyn Store>) {
    knows_who_lives(&**store).await;
    tells_of_every_end(store).await;
}

async fn knows_who_lives(store: &dyn Store) {
    let (id, record) = begin(store, &[]).await;
    assert!(did(store.lives(&record.handle, NOW).await), "a live session is found by its handle");
    assert!(!did(store.lives(&record.handle, record.deadline()).await), "an expired session does not live");
    assert!(!did(store.lives(&Handle::generate(), NOW).await), "an unknown handle does not live");
    let to = new_id();
    did(store.rotate(&id, &rotation(to, recognised()), NOW).await);
    assert!(did(store.lives(&record.handle, NOW).await), "a session keeps its handle under a new id");
    did(store.end(&to).await);
    assert!(!did(store.lives(&record.handle, NOW).await), "an ended session does not live");
}

async fn tells_of_every_end(store: &Arc<dyn Store>) {
    let account = Handle::generate().to_string();
    let watchers = Arc::new(Watchers::default());
    // A store without a channel returns at once.
    if timeout(Duration::from_millis(100), store.news(&News::to(&watchers))).await.is_ok_and(|told| told.is_ok()) {
        return;
    }
    let mut watched = Vec::new();
    for _ in 0..5 {
        let (id, record) = begin_for(&**store, &[], Some(&account)).await;
        let Some(seat) = watchers.sit(record.handle, None, store) else { return };
        watched.push((id, record.handle, seat));
    }
    let [rotated, by_id, by_handle, first, second] = &mut watched[..] else { return };
    let opened = timeout(PATIENCE, rotated.2.word.wait_for(|word| word.soon.is_some())).await.is_ok();
    assert!(opened, "an open channel reports that any session may have changed before");
    did(store.rotate(&rotated.0, &rotation(new_id(), recognised()), NOW).await);
    told(&mut rotated.2, "a session that got a new id").await;
    did(store.end(&by_id.0).await);
    told(&mut by_id.2, "a session that was ended").await;
    did(store.end_by_handle(Some(&account), &by_handle.1).await);
    told(&mut by_handle.2, "a session that was ended by its handle").await;
    assert!(first.2.word.borrow().told == 0 && second.2.word.borrow().told == 0, "other sessions are not notified");
    assert_eq!(did(store.end_by_account(&account, None).await), 3);
    told(&mut first.2, "a session that was ended with others").await;
    told(&mut second.2, "a session that was ended with others").await;
}

async fn told(seat: &mut Seat, what: &str) {
    let told = timeout(PATIENCE, seat.word.wait_for(|word| word.told > 0)).await;
    assert!(told.is_ok(), "a watcher is notified of {what}");
}

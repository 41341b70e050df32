//! Visitors of a store, who wait for it as long as the engine does and leave as it does.

use futures::future::join_all;
use hardtack::session::clock::Timestamp;
use hardtack::session::id::IdHash;
use hardtack::session::store::{Loaded, Store};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What the engine gives a call of the store.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// What a store does not give up, the system does, after a quarter of an hour.
const RECOVERY: Duration = super::process::PATIENCE;

/// Whether a visitor who comes now is served.
pub async fn served(store: &dyn Store, id: &IdHash, now: Timestamp) -> bool {
    matches!(timeout(PATIENCE, store.load(id, now)).await, Ok(Ok(Loaded::Live(..))))
}

/// How many of so many visitors at once are served.
pub async fn crowd(store: &dyn Store, id: &IdHash, now: Timestamp, visitors: usize) -> usize {
    join_all((0..visitors).map(|_| served(store, id, now))).await.into_iter().filter(|served| *served).count()
}

/// Waits until all of so many visitors at once are served, and `well` says so too.
pub async fn recovers(store: &dyn Store, id: &IdHash, now: Timestamp, visitors: usize, well: impl Fn() -> bool) {
    let begun = Instant::now();
    while crowd(store, id, now, visitors).await < visitors || !well() {
        assert!(begun.elapsed() < RECOVERY, "service does not come back: {store:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

//! Visitors of a store, who wait and give up like the engine.

use futures::future::join_all;
use hardtack_session::clock::Timestamp;
use hardtack_session::id::IdHash;
use hardtack_session::store::{Loaded, Store};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The timeout of the engine for a call of the store.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// The time for a recovery. It is shorter than a quarter of an hour, after which the system closes a dead connection
/// that the store keeps.
const RECOVERY: Duration = super::process::PATIENCE;

/// Returns whether a visitor is served now.
pub async fn served(store: &dyn Store, id: &IdHash, now: Timestamp) -> bool {
    matches!(timeout(PATIENCE, store.load(id, now)).await, Ok(Ok(Loaded::Live(..))))
}

/// Returns how many of this number of concurrent visitors are served.
pub async fn crowd(store: &dyn Store, id: &IdHash, now: Timestamp, visitors: usize) -> usize {
    join_all((0..visitors).map(|_| served(store, id, now))).await.into_iter().filter(|served| *served).count()
}

/// Waits until all of these concurrent visitors are served and `well` returns true.
pub async fn recovers(store: &dyn Store, id: &IdHash, now: Timestamp, visitors: usize, well: impl Fn() -> bool) {
    let begun = Instant::now();
    while crowd(store, id, now, visitors).await < visitors || !well() {
        assert!(begun.elapsed() < RECOVERY, "the store does not recover: {store:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

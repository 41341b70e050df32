//! The sweep next to requests: small batches, delays between them, and a bounded round.

use crate::support::watched::Watched;
use hardtack_session::Lifetime;
use hardtack_session::clock::{Clock, ManualClock, Timestamp};
use hardtack_session::id::Secret;
use hardtack_session::record::{Data, Record};
use hardtack_session::store::Store as _;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::sweep::sweep_out;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const NOW: Timestamp = Timestamp(4_000_000_000_000);

/// Returns a store with this many expired sessions, and the current time.
async fn over(count: u32) -> (Arc<Watched>, Clock) {
    let (store, clock) = (Watched::new(Arc::new(MemoryStore::default())), ManualClock::at(NOW));
    for _ in 0..count {
        let id = Secret::generate().expect("random numbers").hash();
        assert!(store.create(&id, &Record::new(Data::new(), Lifetime::default(), NOW)).await.expect("kept"));
    }
    clock.advance(Duration::from_secs(60 * 60));
    (store, Clock::Manual(clock))
}

#[tokio::test(start_paused = true)]
async fn s104_a_round_takes_small_steps_and_lets_requests_in_between_them() {
    let (store, clock) = over(200).await;
    let begun = Instant::now();
    let swept = sweep_out(&*store, &clock).await.expect("swept");
    assert_eq!((swept.sessions, swept.more), (200, false));
    assert_eq!(store.sweeps(), [64; 4], "a request waits for one batch at most");
    // The paused clock advances only while all tasks wait.
    assert!(begun.elapsed() >= 3 * Duration::from_millis(10), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn s104_a_round_ends_though_there_is_always_more_to_remove() {
    let (store, clock) = over(1).await;
    store.sweep_without_end();
    let begun = Instant::now();
    let swept = sweep_out(&*store, &clock).await.expect("swept");
    assert_eq!((swept.sessions, swept.more), (1, true), "the next round goes on");
    let half_a_minute = Duration::from_secs(30)..Duration::from_secs(31);
    assert!(half_a_minute.contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

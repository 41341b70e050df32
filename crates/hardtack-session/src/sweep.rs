//! The sweep: the removal of expired sessions in the background, by one node at a time.

use super::clock::Clock;
use super::id::Handle;
use super::skew;
use super::store::{Stats, Store, StoreError, Swept};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The number of sessions that one step removes. It is small because a request that comes meanwhile waits for the step.
const BATCH: u32 = 64;
/// The pause between two steps while there is more to remove, so that requests come first.
const BREATH: Duration = Duration::from_millis(10);
/// The pause between two rounds, before jitter.
const PAUSE: Duration = Duration::from_secs(60);
/// The duration of the sweep lease. It is longer than a round and the longest pause together, so that a node keeps the
/// lease while it lives.
const OFFICE: Duration = Duration::from_secs(150);
/// The longest round. If there is more to remove, the next round follows at once.
const ROUND: Duration = Duration::from_secs(30);

/// Sweeps until the future is dropped, while no other node does. Compares the node's clock with the store's at once and
/// before each round. A failure is logged, and the next round tries again.
///
/// A load already rejects ended and expired sessions, so the sweep only frees their space.
///
/// Metrics: `hardtack_sweep_removed_total`, `hardtack_sweep_failures_total`, `hardtack_sweep_seconds` (a round),
/// `hardtack_sessions` by state, `hardtack_clock_skew_seconds`.
pub async fn sweep(store: Arc<dyn Store>, clock: Clock) {
    let sweeper = Handle::generate();
    let mut pause = jittered(PAUSE);
    skew::look(&*store, &clock).await;
    loop {
        tokio::time::sleep(pause).await;
        if pause > BREATH {
            skew::look(&*store, &clock).await;
        }
        let begun = Instant::now();
        pause = jittered(PAUSE);
        match round(&*store, &clock, &sweeper).await {
            Ok(Some((swept, stats))) => {
                metrics::histogram!("hardtack_sweep_seconds").record(begun.elapsed().as_secs_f64());
                gauge(stats);
                if swept.more {
                    pause = BREATH;
                }
                tracing::debug!(
                    swept = swept.sessions,
                    live = stats.live,
                    over = stats.over,
                    "removed expired sessions"
                );
            }
            Ok(None) => tracing::debug!("another node holds the sweep lease"),
            Err(error) => {
                metrics::counter!("hardtack_sweep_failures_total").increment(1);
                tracing::warn!(%error, "expired sessions could not be removed");
            }
        }
    }
}

/// Runs one round if this node holds the lease. Returns the result of the round and the size of the store after it.
async fn round(store: &dyn Store, clock: &Clock, sweeper: &Handle) -> Result<Option<(Swept, Stats)>, StoreError> {
    if !take_office(store, clock, sweeper).await? {
        return Ok(None);
    }
    let swept = sweep_out(store, clock).await?;
    Ok(Some((swept, store.stats(clock.now()).await?)))
}

/// Acquires or renews the sweep lease for longer than a round lasts. Returns `false` if another node holds it.
///
/// # Errors
///
/// When the store fails.
pub async fn take_office(store: &dyn Store, clock: &Clock, sweeper: &Handle) -> Result<bool, StoreError> {
    let now = clock.now();
    store.lead(sweeper, now + OFFICE, now).await
}

/// Removes expired sessions in small steps with pauses, until none is left or half a minute has passed.
///
/// # Errors
///
/// When the store fails. Some sessions may have been removed then.
pub async fn sweep_out(store: &dyn Store, clock: &Clock) -> Result<Swept, StoreError> {
    let begun = Instant::now();
    let mut all = Swept::default();
    loop {
        let swept = store.sweep(clock.now(), BATCH).await?;
        metrics::counter!("hardtack_sweep_removed_total").increment(swept.sessions);
        all = Swept { sessions: all.sessions + swept.sessions, more: swept.more };
        if !swept.more || begun.elapsed() > ROUND {
            return Ok(all);
        }
        tokio::time::sleep(BREATH).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; the loss begins at 2^52 sessions")]
fn gauge(stats: Stats) {
    metrics::gauge!("hardtack_sessions", "state" => "live").set(stats.live as f64);
    metrics::gauge!("hardtack_sessions", "state" => "over").set(stats.over as f64);
}

/// Returns a random span between half of `span` and one and a half of it, so that nodes and watchers do not act in
/// step.
pub(super) fn jittered(span: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    span / 2 + span.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Lifetime;
    use super::super::clock::{ManualClock, Timestamp};
    use super::super::id::Secret;
    use super::super::record::{Data, Record};
    use super::super::store::memory::MemoryStore;
    use super::*;

    const NOW: Timestamp = Timestamp(4_000_000_000_000);

    #[tokio::test]
    async fn s104_one_node_sweeps_all_that_is_over_in_batches() {
        let (store, clock) = (MemoryStore::default(), ManualClock::at(NOW));
        let over = u64::from(BATCH) * 2 + 7;
        for _ in 0..over {
            let id = Secret::generate().expect("random numbers").hash();
            assert!(store.create(&id, &Record::new(Data::new(), Lifetime::default(), NOW)).await.expect("kept"));
        }
        clock.advance(Duration::from_secs(60 * 60));
        let id = Secret::generate().expect("random numbers").hash();
        let living = Record::new(Data::new(), Lifetime::default(), Clock::Manual(clock.clone()).now());
        assert!(store.create(&id, &living).await.expect("kept"));
        let (one, other, time) = (Handle::generate(), Handle::generate(), Clock::Manual(clock.clone()));
        let swept = round(&store, &time, &one).await.expect("swept");
        assert_eq!(swept, Some((Swept { sessions: over, more: false }, Stats { live: 1, over: 0 })));
        assert_eq!(round(&store, &time, &other).await.expect("an answer"), None, "another node holds the lease");
        clock.advance(OFFICE);
        assert!(
            round(&store, &time, &other).await.expect("swept").is_some(),
            "the lease runs out when its node has been silent for long"
        );
    }

    #[test]
    fn s104_nodes_do_not_sweep_in_step() {
        let pauses: Vec<_> = (0..100).map(|_| jittered(PAUSE)).collect();
        assert!(pauses.iter().all(|pause| (PAUSE / 2..=PAUSE * 3 / 2).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}

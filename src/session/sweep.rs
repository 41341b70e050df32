//! Removes sessions that are over, in the background.

use super::clock::Clock;
use super::id::Handle;
use super::store::{Stats, Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many sessions one step removes.
const BATCH: u32 = 500;
/// The pause between two steps while there is more to remove: requests come first.
const BREATH: Duration = Duration::from_millis(50);
/// The pause between two rounds, before jitter.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a sweeper keeps its office without confirming it. More than the longest pause, so that it stays with one node
/// while that node lives.
const OFFICE: Duration = Duration::from_secs(150);
/// The longest round: a store that is written faster than it is swept is looked at anew.
const ROUND: Duration = Duration::from_secs(30);

/// Sweeps for ever, while no other node does. Dropping the future stops it; a failure is logged and the next round tries
/// again.
///
/// Ended and expired sessions are refused by the load already: this only gives back their room.
///
/// Metrics: `hardtack_sweep_removed_total`, `hardtack_sweep_failures_total`, `hardtack_sweep_seconds` (a round),
/// `hardtack_sessions` by state.
pub async fn sweep(store: Arc<dyn Store>, clock: Clock) {
    let sweeper = Handle::generate();
    loop {
        tokio::time::sleep(jittered(PAUSE)).await;
        let begun = Instant::now();
        match round(&*store, &clock, &sweeper).await {
            Ok(Some((swept, stats))) => {
                metrics::counter!("hardtack_sweep_removed_total").increment(swept);
                metrics::histogram!("hardtack_sweep_seconds").record(begun.elapsed().as_secs_f64());
                gauge(stats);
                tracing::debug!(swept, live = stats.live, over = stats.over, "swept sessions that are over");
            }
            Ok(None) => tracing::debug!("another node sweeps"),
            Err(error) => {
                metrics::counter!("hardtack_sweep_failures_total").increment(1);
                tracing::warn!(%error, "sessions that are over could not be swept");
            }
        }
    }
}

/// One round, if the office is ours: how many were removed, and how full the store is then.
async fn round(store: &dyn Store, clock: &Clock, sweeper: &Handle) -> Result<Option<(u64, Stats)>, StoreError> {
    let Some(removed) = sweep_out(store, clock, Some(sweeper), ROUND).await? else { return Ok(None) };
    Ok(Some((removed, store.stats(clock.now()).await?)))
}

/// Removes what is over until nothing is left or `patience` ends, and says how many it was; `None` when another node has
/// the office of sweeper. Without a `sweeper` the office is not asked for.
///
/// # Errors
///
/// When the store fails. Some may be removed then.
pub async fn sweep_out(
    store: &dyn Store,
    clock: &Clock,
    sweeper: Option<&Handle>,
    patience: Duration,
) -> Result<Option<u64>, StoreError> {
    let begun = Instant::now();
    let mut removed = 0;
    loop {
        let now = clock.now();
        if let Some(sweeper) = sweeper
            && !store.lead(sweeper, now + OFFICE, now).await?
        {
            return Ok(None);
        }
        let swept = store.sweep(now, BATCH).await?;
        removed += swept.sessions;
        if !swept.more || begun.elapsed() > patience {
            return Ok(Some(removed));
        }
        tokio::time::sleep(BREATH).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; the loss begins at 2^52 sessions")]
fn gauge(stats: Stats) {
    metrics::gauge!("hardtack_sessions", "state" => "live").set(stats.live as f64);
    metrics::gauge!("hardtack_sessions", "state" => "over").set(stats.over as f64);
}

/// Between half and one and a half of a span, so that nodes do not sweep in step.
fn jittered(span: Duration) -> Duration {
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
        assert_eq!(swept, Some((over, Stats { live: 1, over: 0 })));
        assert_eq!(round(&store, &time, &other).await.expect("an answer"), None, "another node has the office");
        clock.advance(OFFICE);
        assert!(
            round(&store, &time, &other).await.expect("swept").is_some(),
            "until it has not been heard of for long"
        );
    }

    #[test]
    fn s104_nodes_do_not_sweep_in_step() {
        let pauses: Vec<_> = (0..100).map(|_| jittered(PAUSE)).collect();
        assert!(pauses.iter().all(|pause| (PAUSE / 2..=PAUSE * 3 / 2).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}

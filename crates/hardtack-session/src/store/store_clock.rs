//! The clock of a store, as one node knows it.

use super::{Skew, StoreError};
use crate::clock::{Clock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// The largest error with which a comparison is still used.
const CLOSE: Duration = Duration::from_secs(1);

/// A store's clock as one node knows it: the node's clock, corrected by the difference of the last comparison.
///
/// Until the first comparison it is the node's clock. Clones share the difference.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreClock(Arc<AtomicI64>);

impl StoreClock {
    /// Returns the time on the store's clock when the node's clock shows `now`.
    pub(super) fn at(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(self.0.load(Ordering::Relaxed)))
    }

    /// Compares the node's clock with the store's, which `ask` reads.
    pub(super) async fn compare(
        &self,
        clock: &Clock,
        ask: impl Future<Output = Result<Timestamp, StoreError>>,
    ) -> Result<Skew, StoreError> {
        let (before, begun) = (clock.now(), Instant::now());
        let store = ask.await?;
        // The store read its clock at some moment in between, most likely in the middle.
        let within = begun.elapsed() / 2;
        let ahead = (before + within).0.saturating_sub(store.0);
        // A slow response says little about the clock, so the difference of an earlier comparison stays.
        if within <= CLOSE {
            self.0.store(ahead, Ordering::Relaxed);
        }
        Ok(Skew { ahead, within })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[tokio::test]
    async fn s22_a_node_knows_its_stores_clock_by_its_own() {
        let (clock, store) = (ManualClock::at(Timestamp(50_000)), StoreClock::default());
        assert_eq!(store.at(Timestamp(50_000)), Timestamp(50_000), "before a comparison it is the node's clock");
        let skew =
            store.compare(&Clock::Manual(clock.clone()), async { Ok(Timestamp(20_000)) }).await.expect("a comparison");
        assert!(skew.exceeds(Duration::from_secs(29)) && !skew.exceeds(Duration::from_secs(31)), "{skew:?}");
        let told = store.at(Timestamp(60_000));
        assert!(told <= Timestamp(30_000) && told > Timestamp(29_000), "{told:?}");
        let behind = store.compare(&Clock::Manual(clock), async { Ok(Timestamp(90_000)) }).await.expect("a comparison");
        assert!(behind.ahead < 0 && behind.exceeds(Duration::from_secs(39)), "{behind:?}");
    }
}

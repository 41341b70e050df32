//! How far a node's clock is from its store's, which all nodes of the store share.

use super::StoreError;
use crate::session::clock::{Clock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How far a node's clock is from its store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// By how many milliseconds the node's clock is ahead of the store's; negative when it is behind.
    pub ahead: i64,
    /// How wrong that may be, because the store's answer takes its time.
    pub within: Duration,
}

impl Skew {
    /// Whether the clocks are further apart than `limit` for certain.
    #[must_use]
    pub fn exceeds(&self, limit: Duration) -> bool {
        Duration::from_millis(self.ahead.unsigned_abs()) > limit.saturating_add(self.within)
    }
}

/// How wrong a comparison may be that is believed.
const CLOSE: Duration = Duration::from_secs(1);

/// A store's own clock, as one node knows it: by the node's clock and what that was off by at the last comparison.
///
/// Until the first comparison it is the node's clock. Clones share what is known.
#[derive(Clone, Debug, Default)]
pub(super) struct StoreClock(Arc<AtomicI64>);

impl StoreClock {
    /// The moment on the store's clock when it is `now` on the node's.
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
        // The store has looked at some moment in between, most likely in the middle.
        let within = begun.elapsed() / 2;
        let ahead = (before + within).0.saturating_sub(store.0);
        // An answer that took long says little of the clock, so the comparison before it stays.
        if within <= CLOSE {
            self.0.store(ahead, Ordering::Relaxed);
        }
        Ok(Skew { ahead, within })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::clock::ManualClock;

    #[tokio::test]
    async fn s22_a_node_knows_its_stores_clock_by_its_own() {
        let (clock, store) = (ManualClock::at(Timestamp(50_000)), StoreClock::default());
        assert_eq!(store.at(Timestamp(50_000)), Timestamp(50_000), "nothing is known yet");
        let skew =
            store.compare(&Clock::Manual(clock.clone()), async { Ok(Timestamp(20_000)) }).await.expect("a moment");
        assert!(skew.exceeds(Duration::from_secs(29)) && !skew.exceeds(Duration::from_secs(31)), "{skew:?}");
        let told = store.at(Timestamp(60_000));
        assert!(told <= Timestamp(30_000) && told > Timestamp(29_000), "{told:?}");
        let behind = store.compare(&Clock::Manual(clock), async { Ok(Timestamp(90_000)) }).await.expect("a moment");
        assert!(behind.ahead < 0 && behind.exceeds(Duration::from_secs(39)), "{behind:?}");
    }
}

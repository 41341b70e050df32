//! Removes sessions that are over, in the background.

use super::clock::Clock;
use super::store::Store;
use std::sync::Arc;
use std::time::Duration;

/// How many sessions one step removes.
const BATCH: u32 = 500;
/// The pause between two steps while there is more to remove: requests come first.
const BREATH: Duration = Duration::from_millis(50);
/// The pause between two rounds, before jitter.
const PAUSE: Duration = Duration::from_secs(60);

/// Sweeps for ever. Dropping the future stops it; a failure is logged and the next round tries again.
///
/// Ended and expired sessions are refused by the load already: this only gives back their room.
pub async fn sweep(store: Arc<dyn Store>, clock: Clock) {
    loop {
        tokio::time::sleep(jittered(PAUSE)).await;
        loop {
            match store.sweep(clock.now(), BATCH).await {
                Ok(swept) if swept >= u64::from(BATCH) => tokio::time::sleep(BREATH).await,
                Ok(swept) => break tracing::debug!(swept, "swept sessions that are over"),
                Err(error) => break tracing::warn!(%error, "sessions that are over could not be swept"),
            }
        }
    }
}

/// Between half and one and a half of a span, so that nodes do not sweep in step.
fn jittered(span: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    span / 2 + span.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

//! The comparison of a node's clock with its store's, and the warning when they differ.

use super::clock::Clock;
use super::store::Store;
use std::time::Duration;

/// The difference from which on a warning is logged. A machine with a time service stays below it.
const LIMIT: Duration = Duration::from_secs(2);

/// Compares the clocks once. The manual clock of a test is not compared.
///
/// Metric: `hardtack_clock_skew_seconds`, positive when the node's clock is ahead.
pub(super) async fn look(store: &dyn Store, clock: &Clock) {
    if matches!(clock, Clock::Manual(_)) {
        return;
    }
    match store.compare(clock).await {
        Ok(Some(skew)) => {
            let ahead = Duration::from_millis(skew.ahead.unsigned_abs()).as_secs_f64();
            let ahead = if skew.ahead < 0 { -ahead } else { ahead };
            metrics::gauge!("hardtack_clock_skew_seconds").set(ahead);
            if skew.exceeds(LIMIT) {
                tracing::warn!(
                    store = store.kind(),
                    ahead = format!("{ahead:.1} s"),
                    "this machine's clock and the store's differ, so sessions end too early or too late; let a time \
                     service (NTP) set both"
                );
            }
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "the store's clock could not be read"),
    }
}

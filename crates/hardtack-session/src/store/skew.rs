//! The difference between a node's clock and the clock of its store, which all nodes share.

use std::time::Duration;

/// The difference between a node's clock and the clock of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The milliseconds by which the node's clock is ahead of the store's; negative when it is behind.
    pub ahead: i64,
    /// The possible error of `ahead`, because the store's response takes time.
    pub within: Duration,
}

impl Skew {
    /// Returns whether the clocks certainly differ by more than `limit`.
    #[must_use]
    pub fn exceeds(&self, limit: Duration) -> bool {
        Duration::from_millis(self.ahead.unsigned_abs()) > limit.saturating_add(self.within)
    }
}

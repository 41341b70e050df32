//! The clock of the engine, which tests can replace, and its timestamps.

use humantime::format_rfc3339_seconds;
use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest difference between the clocks of nodes on one store that changes nothing but the moment at which a
/// session ends.
pub const SKEW: Duration = Duration::from_secs(60);

/// A moment in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the moment in whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the time from `now` to this moment; zero when the moment has passed.
    #[must_use]
    pub fn left(self, now: Self) -> Duration {
        self - now
    }
}

/// Writes the moment in UTC, to the second: `2026-01-31T23:59:59Z`. A moment before 1970 or after 9999 is shown as the
/// first or last moment of that range.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Later years have five digits, which the format does not support.
        const LAST: u64 = 253_402_300_799_000;
        let millis = u64::try_from(self.0).unwrap_or_default().min(LAST);
        format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis)).fmt(f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// Returns the time between two moments; zero when the second is the later one.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Converts a span to whole milliseconds, as stores keep it.
#[must_use]
pub fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The source of the engine's time.
///
/// The default is the system's clock. The clocks of several nodes on one store must agree within [`SKEW`], and within a
/// small fraction of the idle timeout. [`sweep`](super::sweep::sweep) compares them with the clock of PostgreSQL or
/// Redis.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until a test moves it.
    Manual(ManualClock),
}

impl Clock {
    /// Returns the present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(millis(since))
            }
            Self::Manual(clock) => Timestamp(clock.0.load(Ordering::SeqCst)),
        }
    }
}

/// A clock for tests. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// Creates a clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(millis(span), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_at_their_edges() {
        assert_eq!(Timestamp(1_800_000_000_999).to_string(), "2027-01-15T08:00:00Z");
        assert_eq!(Timestamp(-1).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }
}

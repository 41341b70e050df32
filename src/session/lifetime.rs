//! When a session ends: after silence, and in any case.

use super::clock::Timestamp;
use std::time::Duration;

/// How long a session lives.
///
/// Both limits hold at once: the first one reached ends the session. Reading counts as activity.
/// Enforced when a session is loaded, so a late sweep never lengthens a life.
///
/// Source: ASVS 5.0, 7.3.1 and 7.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Ends a session after this much silence. Default: 30 minutes.
    pub idle: Duration,
    /// Ends a session this long after it was first created, however busy. Default: 12 hours.
    pub absolute: Duration,
}

impl Lifetime {
    /// 400 days: browsers keep no cookie longer (RFC 6265bis, 5.5).
    pub const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

    /// The same, with neither clock longer than `longest`.
    #[must_use]
    pub fn at_most(self, longest: Duration) -> Self {
        Self { idle: self.idle.min(longest), absolute: self.absolute.min(longest) }
    }

    /// The moment at which a session created at `created` and last used at `seen` is over.
    #[must_use]
    pub fn deadline(self, created: Timestamp, seen: Timestamp) -> Timestamp {
        (seen + self.idle).min(created + self.absolute)
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 60 * 60) }
    }
}

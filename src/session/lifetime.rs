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

/// All that the engine measures by the clock.
///
/// # Examples
///
/// ```
/// use hardtack::session::{Clocks, Lifetime};
/// use std::time::Duration;
///
/// let week = Duration::from_secs(7 * 24 * 60 * 60);
/// let clocks = Clocks { lifetime: Lifetime { idle: week, absolute: 4 * week }, ..Clocks::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// How long a session lives, unless it has a lifetime of its own. At most 400 days. Default: [`Lifetime::default`].
    pub lifetime: Lifetime,
    /// How often at most a reading request marks its session as used in the store. Shorter than the idle timeout. Default: 60
    /// seconds.
    ///
    /// Of a session whose idle timeout is shorter than twice this, half that timeout counts.
    pub touch_every: Duration,
    /// How long a rotated id is recognised. Default: 10 seconds.
    pub rotation_grace: Duration,
    /// Gives a session a new id when it has had its present one for so long, which is longer than `rotation_grace`. Default:
    /// never.
    ///
    /// No privilege changes, so the old id goes on reaching the session for the rotation's grace: parallel requests
    /// notice nothing. A browser that never gets the answer with the new id is signed out when the grace is over.
    pub renew_every: Option<Duration>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self {
            lifetime: Lifetime::default(),
            touch_every: Duration::from_secs(60),
            rotation_grace: Duration::from_secs(10),
            renew_every: None,
        }
    }
}

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
    /// Ends a session this long after it was first created or last signed in, however busy. Default: 12 hours.
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

    /// Both clocks, each as the shorter of the two has it.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { idle: self.idle.min(other.idle), absolute: self.absolute.min(other.absolute) }
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

/// Who set the clocks of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terms {
    /// The engine, when the session began. A shorter lifetime of the engine holds for it as well.
    #[default]
    Common,
    /// A handler gave it a lifetime of its own.
    Own,
    /// A handler gave it a lifetime of its own, longer than the engine's was then: the browser keeps its cookie when it closes
    /// ("keep me signed in").
    Kept,
    /// A version before this one wrote the record, and did not say. [`Bounds::resolve`] tells what it counts as.
    Unknown,
}

impl Terms {
    /// The number that stores keep; `None` is what they hold of records from before they kept one.
    #[must_use]
    pub const fn code(self) -> Option<i64> {
        match self {
            Self::Common => Some(0),
            Self::Own => Some(1),
            Self::Kept => Some(2),
            Self::Unknown => None,
        }
    }

    /// What a store has kept. A number that is not known here lengthens nothing.
    #[must_use]
    pub const fn from_code(code: Option<i64>) -> Self {
        match code {
            Some(1) => Self::Own,
            Some(2) => Self::Kept,
            Some(_) => Self::Common,
            None => Self::Unknown,
        }
    }
}

/// How long sessions may live by the present settings, whatever their records say.
///
/// A record keeps the clocks that it was made with. An operator who shortens a setting means the sessions that exist too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Holds for sessions without a lifetime of their own.
    pub common: Lifetime,
    /// No session lives longer.
    pub longest: Duration,
}

impl Bounds {
    /// Who set the clocks of a session with this in its record.
    ///
    /// Of [`Terms::Unknown`] those count as kept whose two clocks are one span, longer than the engine's: so the versions
    /// before wrote "keep me signed in" down. All others count as common, which lengthens nothing.
    #[must_use]
    pub fn resolve(&self, terms: Terms, lifetime: Lifetime) -> Terms {
        let Lifetime { idle, absolute } = lifetime;
        match terms {
            Terms::Unknown if idle == absolute && absolute > self.common.absolute => Terms::Kept,
            Terms::Unknown => Terms::Common,
            known => known,
        }
    }

    /// The clocks of a session with these in its record.
    #[must_use]
    pub fn bound(&self, terms: Terms, lifetime: Lifetime) -> Lifetime {
        let common = self.resolve(terms, lifetime) == Terms::Common;
        let lifetime = lifetime.at_most(self.longest);
        if common { lifetime.within(self.common) } else { lifetime }
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

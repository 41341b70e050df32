//! The idle and absolute timeouts of sessions.

use super::clock::Timestamp;
use std::time::Duration;

/// The idle and absolute timeouts of a session.
///
/// Both hold at once: the first one reached ends the session. Reading counts as activity. They are enforced when a
/// session is loaded, so a late sweep does not lengthen a session's life.
///
/// Source: ASVS 5.0, 7.3.1 and 7.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Ends a session after this much inactivity. Default: 30 minutes.
    pub idle: Duration,
    /// Ends a session this long after its creation or its last sign-in, even if it is in use. Default: 12 hours.
    pub absolute: Duration,
}

impl Lifetime {
    /// 400 days, because browsers keep no cookie longer (RFC 6265bis, 5.5).
    pub const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

    /// Returns the lifetime with neither timeout longer than `longest`.
    #[must_use]
    pub fn at_most(self, longest: Duration) -> Self {
        Self { idle: self.idle.min(longest), absolute: self.absolute.min(longest) }
    }

    /// Returns the shorter idle timeout and the shorter absolute timeout of the two lifetimes.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { idle: self.idle.min(other.idle), absolute: self.absolute.min(other.absolute) }
    }

    /// Returns the moment at which a session expires that was created at `created` and last used at `seen`.
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

/// The source of a session's timeouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terms {
    /// The engine's settings, when the session began. A shorter lifetime that is set later applies to the session as
    /// well.
    #[default]
    Common,
    /// A handler gave the session a lifetime of its own.
    Own,
    /// A handler asked for "keep me signed in", or gave the session an absolute timeout longer than the engine's: the
    /// browser keeps the cookie when it closes.
    Kept,
    /// An earlier version wrote the record and stored no source. [`Bounds::resolve`] decides how the session is
    /// treated.
    Unknown,
}

impl Terms {
    /// Returns the number that stores keep; `None` stands for records from before stores kept one.
    #[must_use]
    pub const fn code(self) -> Option<i64> {
        match self {
            Self::Common => Some(0),
            Self::Own => Some(1),
            Self::Kept => Some(2),
            Self::Unknown => None,
        }
    }

    /// Decodes the number that a store keeps. An unknown number counts as [`Common`](Self::Common), which lengthens
    /// nothing.
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

/// The limits of the present settings on the lifetime of sessions, whatever their records say.
///
/// A record keeps the timeouts that it was made with. A setting that an operator shortens must apply to existing
/// sessions too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The limit for sessions without a lifetime of their own.
    pub common: Lifetime,
    /// The limit for all sessions.
    pub longest: Duration,
}

impl Bounds {
    /// Returns the source of the timeouts of a session with these values in its record.
    ///
    /// [`Terms::Unknown`] counts as [`Terms::Kept`] if both timeouts are equal and longer than the engine's absolute
    /// timeout, because earlier versions stored "keep me signed in" in that way. Otherwise it counts as
    /// [`Terms::Common`], which lengthens nothing.
    #[must_use]
    pub fn resolve(&self, terms: Terms, lifetime: Lifetime) -> Terms {
        let Lifetime { idle, absolute } = lifetime;
        match terms {
            Terms::Unknown if idle == absolute && absolute > self.common.absolute => Terms::Kept,
            Terms::Unknown => Terms::Common,
            known => known,
        }
    }

    /// Returns the timeouts that apply to a session with these values in its record.
    #[must_use]
    pub fn bound(&self, terms: Terms, lifetime: Lifetime) -> Lifetime {
        let common = self.resolve(terms, lifetime) == Terms::Common;
        let lifetime = lifetime.at_most(self.longest);
        if common { lifetime.within(self.common) } else { lifetime }
    }
}

/// The timeouts and intervals of the engine.
///
/// # Examples
///
/// ```
/// use hardtack_session::{Clocks, Lifetime};
/// use std::time::Duration;
///
/// let week = Duration::from_secs(7 * 24 * 60 * 60);
/// let clocks = Clocks { lifetime: Lifetime { idle: week, absolute: 4 * week }, ..Clocks::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The lifetime of a session that has none of its own. At most 400 days. Default: [`Lifetime::default`].
    pub lifetime: Lifetime,
    /// The shortest interval at which reading requests mark a session as used in the store. It is shorter than the idle
    /// timeout. Default: 60 seconds.
    ///
    /// For a session with an idle timeout of less than twice this interval, half of that timeout is used instead.
    pub touch_every: Duration,
    /// The grace period of a rotated id. Default: 10 seconds.
    pub rotation_grace: Duration,
    /// The age at which the id of a session is renewed. It is longer than `rotation_grace`. Default: never.
    ///
    /// No privilege changes, so the old id still leads to the session during the grace period, and parallel requests
    /// notice nothing. A browser that never receives the response with the new id is signed out when the grace period
    /// ends.
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn of(idle: u32, absolute: u32) -> Lifetime {
        Lifetime { idle: HOUR * idle, absolute: HOUR * absolute }
    }

    #[test]
    fn g6_terms_survive_the_store_and_unknown_numbers_lengthen_nothing() {
        for (terms, code) in
            [(Terms::Common, Some(0)), (Terms::Own, Some(1)), (Terms::Kept, Some(2)), (Terms::Unknown, None)]
        {
            assert_eq!((terms.code(), Terms::from_code(code)), (code, terms));
        }
        for strange in [-1, 3, i64::MAX] {
            assert_eq!(Terms::from_code(Some(strange)), Terms::Common, "{strange}");
        }
    }

    #[test]
    fn g6_a_record_of_an_earlier_version_counts_as_kept_only_if_it_is_longer_than_usual_and_one_span() {
        let bounds = Bounds { common: of(1, 12), longest: HOUR * 100 };
        for (lifetime, terms) in [
            (of(24, 24), Terms::Kept),
            (of(13, 13), Terms::Kept),
            (of(12, 12), Terms::Common),
            (of(23, 24), Terms::Common),
            (of(1, 12), Terms::Common),
        ] {
            assert_eq!(bounds.resolve(Terms::Unknown, lifetime), terms, "{lifetime:?}");
            for known in [Terms::Common, Terms::Own, Terms::Kept] {
                assert_eq!(bounds.resolve(known, lifetime), known, "{lifetime:?}");
            }
        }
    }

    #[test]
    fn g6_the_present_settings_shorten_and_never_lengthen() {
        let bounds = Bounds { common: of(1, 12), longest: HOUR * 100 };
        for (terms, lifetime, bound) in [
            (Terms::Common, of(2, 24), of(1, 12)),
            (Terms::Common, of(1, 6), of(1, 6)),
            (Terms::Unknown, of(2, 24), of(1, 12)),
            (Terms::Own, of(2, 24), of(2, 24)),
            (Terms::Kept, of(24, 24), of(24, 24)),
            (Terms::Kept, of(200, 300), of(100, 100)),
            (Terms::Own, of(2, 300), of(2, 100)),
        ] {
            assert_eq!(bounds.bound(terms, lifetime), bound, "{terms:?} {lifetime:?}");
        }
    }

    #[test]
    fn g6_one_lifetime_within_another_takes_the_shorter_of_each() {
        assert_eq!(of(2, 24).within(of(1, 48)), of(1, 24));
        assert_eq!(of(1, 48).within(of(2, 24)), of(1, 24));
        assert_eq!(of(2, 24).at_most(HOUR * 12), of(2, 12));
        assert_eq!(of(24, 48).at_most(HOUR * 12), of(12, 12));
        assert_eq!(of(2, 24).at_most(HOUR * 24), of(2, 24));
    }
}

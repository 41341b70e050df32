//! The state that all requests share: store, keys, settings.

use super::clock::{Clock, Timestamp};
use super::cookie::CookieSettings;
use super::keys::Keys;
use super::lifetime::{Bounds, Clocks, Lifetime, Terms};
use super::news::Watchers;
use super::record::Record;
use super::store::{Loaded, Store};
use super::turn::Queues;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The state that the units of work of all requests share.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    pub(super) cookie: CookieSettings,
    /// The cookies that browsers may still hold from earlier settings.
    pub(super) former: Vec<CookieSettings>,
    pub(super) clocks: Clocks,
    pub(super) longest: Duration,
    pub(super) per_account: PerAccount,
    pub(super) max_data: usize,
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
    pub(super) queues: Arc<Queues>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) look_every: Duration,
}

/// The limit on the sessions of an account. Sessions beyond it end at a sign-in. The session that signs in stays,
/// unless an exact limit has no room for all sign-ins of the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PerAccount {
    /// Any number.
    #[default]
    Any,
    /// An exact limit. The sessions beyond it end, whether they are in use or not, the earliest sign-in first. A
    /// sign-in fails if others at the same moment leave no room for it.
    Exactly(NonZeroU32),
    /// A limit against sessions that pile up. The sessions that have been unused longest end, at most a hundred at a
    /// sign-in. A session that was used within the last minute does not end, so an account that uses more sessions at
    /// once has more.
    Unused(NonZeroU32),
}

impl From<Option<NonZeroU32>> for PerAccount {
    fn from(limit: Option<NonZeroU32>) -> Self {
        limit.map_or(Self::Any, Self::Exactly)
    }
}

impl Engine {
    /// Returns the limits of the present settings on the lifetime of sessions.
    pub(super) const fn bounds(&self) -> Bounds {
        Bounds { common: self.clocks.lifetime, longest: self.longest }
    }

    /// Returns the source of the timeouts of a session to which a handler gives this lifetime.
    pub(super) fn terms(&self, lifetime: Lifetime) -> Terms {
        let common = self.clocks.lifetime;
        match lifetime {
            _ if lifetime == common => Terms::Common,
            _ if lifetime.absolute > common.absolute => Terms::Kept,
            _ => Terms::Own,
        }
    }

    /// Applies the present settings to a loaded session, because a record keeps the timeouts that it was made with.
    pub(super) fn bounded(&self, loaded: Loaded, now: Timestamp) -> Loaded {
        let Loaded::Live(id, mut record) = loaded else { return loaded };
        let bounds = self.bounds();
        let (terms, lifetime) =
            (bounds.resolve(record.terms, record.lifetime), bounds.bound(record.terms, record.lifetime));
        if (terms, lifetime) != (record.terms, record.lifetime) {
            let record: &mut Record = Arc::make_mut(&mut record);
            (record.terms, record.lifetime) = (terms, lifetime);
        }
        if record.deadline() > now { Loaded::Live(id, record) } else { Loaded::Absent }
    }
}

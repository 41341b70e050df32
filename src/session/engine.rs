//! What all requests share: the store, the keys, the policy.

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

/// The shared part of all units of work.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    pub(super) cookie: CookieSettings,
    /// What browsers may hold beside it from earlier settings.
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

/// How many sessions an account may have. What is too much ends at a sign-in. The session that signs in stays, unless an exact
/// limit has no room for all sign-ins of the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PerAccount {
    /// Any number.
    #[default]
    Any,
    /// So many, for accounts that may have no more: the sessions beyond it end, whether they are used or not, those first
    /// that signed in longest ago. A sign-in that others at the same moment leave no room for fails.
    Exactly(NonZeroU32),
    /// So many, against sessions that pile up: beyond it those end that have been unused longest, a hundred at a sign-in. None
    /// ends that was used within the last minute, so an account that uses more at once has more.
    Unused(NonZeroU32),
}

impl From<Option<NonZeroU32>> for PerAccount {
    fn from(limit: Option<NonZeroU32>) -> Self {
        limit.map_or(Self::Any, Self::Exactly)
    }
}

impl Engine {
    /// How long sessions may live by the present settings.
    pub(super) const fn bounds(&self) -> Bounds {
        Bounds { common: self.clocks.lifetime, longest: self.longest }
    }

    /// Who sets the clocks of a session that is given this lifetime.
    pub(super) fn terms(&self, lifetime: Lifetime) -> Terms {
        let common = self.clocks.lifetime;
        match lifetime {
            _ if lifetime == common => Terms::Common,
            _ if lifetime.absolute > common.absolute => Terms::Kept,
            _ => Terms::Own,
        }
    }

    /// What a store has found, as the present settings have it: a record keeps the clocks that it was made with.
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

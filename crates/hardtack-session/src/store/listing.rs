//! Sessions in lists: their fields, their order, and the pages of a list.

use crate::clock::Timestamp;
use crate::id::Handle;
use crate::lifetime::{Bounds, Lifetime, Terms};
use crate::record::{Owner, Record};
use std::fmt;
use std::str::FromStr;

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The public name.
    pub handle: Handle,
    /// The account that it belongs to, and the device that signed in.
    pub owner: Owner,
    /// The time of its creation or of its last sign-in.
    pub created: Timestamp,
    /// Orders it among the sessions of its account: see [`Record::signed_in`].
    pub signed_in: Timestamp,
    /// The time of its last use.
    pub seen: Timestamp,
    /// The idle and the absolute timeout.
    pub lifetime: Lifetime,
    /// Whether the engine or a handler set these timeouts.
    pub terms: Terms,
    /// The time at which it expires unless it is used.
    pub deadline: Timestamp,
}

impl From<&Record> for Listed {
    fn from(record: &Record) -> Self {
        Self {
            handle: record.handle,
            owner: record.owner.clone(),
            created: record.created,
            signed_in: record.signed_in,
            seen: record.seen,
            lifetime: record.lifetime,
            terms: record.terms,
            deadline: record.deadline(),
        }
    }
}

impl Listed {
    /// Applies the present settings to the session. Returns `None` when it has expired by them.
    #[must_use]
    pub fn within(mut self, bounds: &Bounds, now: Timestamp) -> Option<Self> {
        self.lifetime = bounds.bound(self.terms, self.lifetime);
        self.deadline = self.lifetime.deadline(self.created, self.seen);
        Some(self).filter(|listed| listed.deadline > now)
    }

    /// Returns the position of this session, from which a list in [`Order::Used`] continues.
    #[must_use]
    pub const fn place(&self) -> After {
        After(self.seen, self.handle)
    }
}

/// The order of a list. The handle decides between equal moments, so that all nodes agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last used session first; with a position, only the sessions behind it.
    Used(Option<After>),
    /// The session that has been unused longest first: the reverse of [`Order::Used`].
    Unused,
    /// The session with the latest sign-in first.
    SignedIn,
}

impl Order {
    /// Sorts sessions into this order and cuts the list to `limit`, for stores whose queries cannot do so.
    #[must_use]
    pub fn cut(self, mut listed: Vec<Listed>, limit: u32) -> Vec<Listed> {
        let used = |listed: &Listed| (listed.seen, listed.handle);
        match self {
            Self::Used(after) => {
                listed.retain(|listed| after.is_none_or(|After(seen, handle)| used(listed) < (seen, handle)));
                listed.sort_unstable_by_key(|listed| std::cmp::Reverse(used(listed)));
            }
            Self::Unused => listed.sort_unstable_by_key(used),
            Self::SignedIn => {
                listed.sort_unstable_by_key(|listed| std::cmp::Reverse((listed.signed_in, listed.handle)));
            }
        }
        listed.truncate(limit as usize);
        listed
    }
}

/// A position in a list of sessions, behind which the next page begins: the last use of a session, and its handle.
///
/// It stays valid when the session ends. Its text form is `4000000000000.b9a5d1f2-3c40-4b1f-9a57-1de0b7c2a111`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After(pub Timestamp, pub Handle);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.0, self.1)
    }
}

/// The error of a text that is not a position in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a position in a list of sessions")]
pub struct NoPlace;

impl FromStr for After {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (seen, handle) = text.split_once('.').ok_or(NoPlace)?;
        let seen = seen.parse().map_err(|_| NoPlace)?;
        Ok(Self(Timestamp(seen), Handle(handle.parse().map_err(|_| NoPlace)?)))
    }
}

/// A page of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The sessions of this page.
    pub sessions: Vec<Listed>,
    /// The cursor of the next page, in the store's own format. `None` on the last page.
    pub next: Option<String>,
}

/// The result of ending a part of an account's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The number of sessions that have ended.
    pub sessions: u64,
    /// The cursor of the next step, in the store's own format. `None` when no sessions are left.
    pub next: Option<String>,
}

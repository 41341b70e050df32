//! Sessions in lists: what is told of each, in which order, and how a list goes on.

use crate::session::clock::Timestamp;
use crate::session::id::Handle;
use crate::session::lifetime::{Bounds, Lifetime, Terms};
use crate::session::record::{Owner, Record};
use std::fmt;
use std::str::FromStr;

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its public name.
    pub handle: Handle,
    /// Whose it is, and where it was signed in.
    pub owner: Owner,
    /// When it began.
    pub created: Timestamp,
    /// Orders it among the sessions of its account: see [`Record::signed_in`].
    pub signed_in: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// Its two clocks.
    pub lifetime: Lifetime,
    /// Who set them.
    pub terms: Terms,
    /// When it is over unless it is used.
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
    /// The session as the present settings have it; `None` when it is over by them.
    #[must_use]
    pub fn within(mut self, bounds: &Bounds, now: Timestamp) -> Option<Self> {
        self.lifetime = bounds.bound(self.terms, self.lifetime);
        self.deadline = self.lifetime.deadline(self.created, self.seen);
        Some(self).filter(|listed| listed.deadline > now)
    }

    /// Where a list in [`Order::Used`] goes on behind this session.
    #[must_use]
    pub const fn place(&self) -> After {
        After(self.seen, self.handle)
    }
}

/// The order of a list. Among equals the handle decides, so that all nodes agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one used last first; with a place, only what comes behind it.
    Used(Option<After>),
    /// The one used longest ago first: [`Order::Used`] backwards.
    Unused,
    /// The one with the latest sign-in first.
    SignedIn,
}

impl Order {
    /// Brings a list into this order, and cuts it to its length: for stores that do not have it so already.
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

/// A place in a list of sessions, behind which the next page begins: when that session was last used, and which it is.
///
/// It stays good when the session ends. Written `4000000000000.b9a5d1f2-3c40-4b1f-9a57-1de0b7c2a111`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After(pub Timestamp, pub Handle);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.0, self.1)
    }
}

/// The text is no place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a list of sessions")]
pub struct NoPlace;

impl FromStr for After {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (seen, handle) = text.split_once('.').ok_or(NoPlace)?;
        let seen = seen.parse().map_err(|_| NoPlace)?;
        Ok(Self(Timestamp(seen), Handle(handle.parse().map_err(|_| NoPlace)?)))
    }
}

/// A part of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The sessions.
    pub sessions: Vec<Listed>,
    /// What to ask the next page with; the store's own text. `None` on the last page.
    pub next: Option<String>,
}

/// A part of the sessions of an account, which have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many.
    pub sessions: u64,
    /// What to ask the next step with; the store's own text. `None` when there are no more.
    pub next: Option<String>,
}

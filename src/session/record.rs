//! What a store keeps of a session, and how it changes.

use super::clock::Timestamp;
use super::id::{Handle, IdHash};
use super::lifetime::{Lifetime, Terms};
use std::collections::BTreeMap;

/// The values of a session: each name with its value as JSON text.
///
/// Text, because that is what every kind of store can keep, merge and count the bytes of.
pub type Data = BTreeMap<String, String>;

/// How much `data` measures: the bytes of all names and all values.
#[must_use]
pub fn size(data: &Data) -> usize {
    data.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Whose session it is, and where it was signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The account that is signed in, if one is. Stores index it.
    pub account: Option<String>,
    /// Where it was signed in.
    pub device: Option<Device>,
}

/// A line in a list of devices, as people tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Browser and system in words: "Firefox on Linux".
    pub label: String,
    /// The network address that it signed in from.
    pub address: String,
}

/// A session as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its public name.
    pub handle: Handle,
    /// Whose it is.
    pub owner: Owner,
    /// Its values.
    pub data: Data,
    /// Its two clocks.
    pub lifetime: Lifetime,
    /// Who set them.
    pub terms: Terms,
    /// When it was first created, or when its account signed in: rotations keep it, a sign-in does not.
    pub created: Timestamp,
    /// Orders the sessions of an account by their sign-ins, the latest highest. About the time of the sign-in, and higher
    /// than in every session that the account had then, so that the clocks of the nodes need not agree.
    pub signed_in: Timestamp,
    /// When it got the id that it has now.
    pub renewed: Timestamp,
    /// When it was last used, to the accuracy of `touch_every`.
    pub seen: Timestamp,
    /// Counts the changes of the data, from 1.
    pub version: u64,
}

impl Record {
    /// A session that begins now, with `data` and nobody signed in.
    #[must_use]
    pub fn new(data: Data, lifetime: Lifetime, now: Timestamp) -> Self {
        Self {
            handle: Handle::generate(),
            owner: Owner::default(),
            data,
            lifetime,
            terms: Terms::Common,
            created: now,
            signed_in: now,
            renewed: now,
            seen: now,
            version: 1,
        }
    }

    /// The moment at which it is over.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.lifetime.deadline(self.created, self.seen)
    }
}

/// What one unit of work changed: some values set, some removed, all others untouched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The new values by name; `None` removes.
    pub values: BTreeMap<String, Option<String>>,
    /// New clocks, counted from the creation; `None` keeps the old ones.
    pub lifetime: Option<Lifetime>,
    /// Who set them; `None` keeps what is known of that.
    pub terms: Option<Terms>,
    /// Applies only to this version of the data. Without it, other writers' changes of other values are kept.
    pub if_version: Option<u64>,
    /// How much the data may measure afterwards, in bytes (see [`size`]). What measures more already may shrink.
    pub max_data: usize,
}

impl Changes {
    /// Carries the changes out on `data`.
    pub fn apply_to(&self, data: &mut Data) {
        for (name, value) in &self.values {
            match value {
                Some(value) => data.insert(name.clone(), value.clone()),
                None => data.remove(name),
            };
        }
    }
}

/// A new id for a live session, in one step with changes of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The new id.
    pub to: IdHash,
    /// What else changes in the same step.
    pub changes: Changes,
    /// Whose it is from now on; `None` keeps the owner.
    pub owner: Option<Owner>,
    /// The new [`signed_in`](Record::signed_in), if this is a sign-in: then the session counts as created now. `None` keeps
    /// both moments.
    pub signed_in: Option<Timestamp>,
    /// What the old id is good for afterwards.
    pub grace: Grace,
}

/// What a rotated id is good for until a moment. After it the id is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// It opens nothing and is only recognised, so that a late request can be told to come again with its new
    /// cookie. After sign-in and every change of privilege: a planted id must be dead at once.
    Recognised(Timestamp),
    /// It still reaches the same session. After a renewal, which changes nobody's privilege.
    Reaches(Timestamp),
}

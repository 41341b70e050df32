//! The record of a session in a store, and the changes to it.

use super::clock::Timestamp;
use super::id::{Handle, IdHash};
use super::lifetime::{Lifetime, Terms};
use std::collections::BTreeMap;

/// The values of a session: each name with its value as JSON text.
///
/// The values are text because every kind of store can keep and merge text and count its bytes.
pub type Data = BTreeMap<String, String>;

/// Returns the size of `data` in bytes: all names and all values.
#[must_use]
pub fn size(data: &Data) -> usize {
    data.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// The account that a session belongs to, and the device that it signed in on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The account that is signed in, if any. Stores index it.
    pub account: Option<String>,
    /// The device of the sign-in.
    pub device: Option<Device>,
}

/// A device as a list of devices shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The browser and the operating system in words: "Firefox on Linux".
    pub label: String,
    /// The network address that the sign-in came from.
    pub address: String,
}

/// A session as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The public handle.
    pub handle: Handle,
    /// The owner.
    pub owner: Owner,
    /// The values.
    pub data: Data,
    /// The idle and absolute timeouts.
    pub lifetime: Lifetime,
    /// The source of the timeouts.
    pub terms: Terms,
    /// The time of the creation, or of the last sign-in: a sign-in sets it anew, a rotation keeps it.
    pub created: Timestamp,
    /// Orders the sessions of an account by sign-in: the latest has the highest value. It is about the time of the
    /// sign-in. With [`PerAccount::Exactly`](super::PerAccount::Exactly) it is higher than in every session that the
    /// account had then, so that the nodes' clocks need not agree.
    pub signed_in: Timestamp,
    /// The time at which the session got its present id.
    pub renewed: Timestamp,
    /// The time of the last use, accurate to `touch_every`.
    pub seen: Timestamp,
    /// Counts the changes of the data, starting at 1.
    pub version: u64,
}

impl Record {
    /// Creates the record of a session that begins now, with `data` and without an owner.
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

    /// Returns the moment at which the session expires.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.lifetime.deadline(self.created, self.seen)
    }
}

/// The changes of one unit of work: values to set and values to remove. All other values stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The new values by name; `None` removes the value.
    pub values: BTreeMap<String, Option<String>>,
    /// The new timeouts; `None` keeps the old ones. The absolute timeout counts from [`Record::created`].
    pub lifetime: Option<Lifetime>,
    /// The source of the timeouts; `None` keeps the stored source.
    pub terms: Option<Terms>,
    /// Applies the changes only if the data has this version. With `None` they apply to any version, and other writers'
    /// changes of other values are kept.
    pub if_version: Option<u64>,
    /// The size limit of the data after the change, in bytes (see [`size`]). Data that is larger already may shrink.
    pub max_data: usize,
}

impl Changes {
    /// Applies the changes to `data`.
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
    /// The other changes of the same step.
    pub changes: Changes,
    /// The new owner; `None` keeps the owner.
    pub owner: Option<Owner>,
    /// The new [`signed_in`](Record::signed_in), if this is a sign-in; [`created`](Record::created) is then set to now.
    /// `None` keeps both.
    pub signed_in: Option<Timestamp>,
    /// The treatment of the old id after the rotation.
    pub grace: Grace,
}

/// The treatment of a rotated id until the end of its grace period. After that the id is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grace {
    /// The id is rejected and only recognised, so that a late request is told to retry with its new cookie. Used after
    /// a sign-in and every change of privilege, because a planted id must stop working at once.
    Recognised(Timestamp),
    /// The id still leads to the same session. Used after a renewal, which changes no privilege.
    Reaches(Timestamp),
}

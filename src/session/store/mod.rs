//! Where sessions are kept: a small contract, and the stores that fulfil it.

pub mod contract;
pub mod memory;
pub mod postgres;
pub mod redis;
pub mod sqlite;

mod database;
mod listing;
mod open;
mod readiness;
mod skew;
mod sql;

use super::clock::{Clock, Timestamp};
use super::id::{Handle, IdHash};
use super::news::News;
use super::record::{Changes, Record, Rotation};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

pub use database::{Chain, Database, Value};
pub use listing::{After, Ended, Listed, Order, Page};
pub use open::{OpenError, Schema, Transport};
pub use readiness::{Readiness, Ready};
pub use skew::Skew;

/// How many sessions one step ends of an account that has many: few enough for the patience of one statement.
pub(in crate::session) const BATCH: u32 = 1000;

/// A store of sessions.
///
/// Every step is atomic: it happens whole or not at all, also when several processes share the store. A store
/// has no clock and no policy: the moment comes with the call, and what may be done is decided above it.
/// A session whose deadline has come counts as absent, swept or not; only ending one that is over already may find it.
///
/// # Errors
///
/// "Not found" is a value of the answer, never an error. [`StoreError::Unavailable`] means that the store could not
/// tell, [`StoreError::Corrupt`] that a record is there and makes no sense.
///
/// [`contract`] holds the suite that proves an implementation.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// The kind of store in a word, for people: `sqlite`.
    fn kind(&self) -> &'static str;

    /// Finds the session of an id.
    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError>;

    /// Keeps a new session. Never overwrites one: `false` when the id is in use.
    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError>;

    /// Changes a live session and marks it as used. Never creates one.
    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError>;

    /// Gives a live session a new id, in one step: afterwards it lives under the new id alone.
    ///
    /// Handle and everything not named in `rotation` stay; a sign-in counts as a creation. Marks the session as used, and as
    /// renewed now.
    /// `id` must be the one that it lives under: an earlier one that still reaches it gets [`Applied::Gone`].
    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError>;

    /// Marks a live session as used and leaves its data alone. `false` when it is gone.
    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a session. `false` when there was none.
    async fn end(&self, id: &IdHash) -> Result<bool, StoreError>;

    /// Live sessions of an account in that order, at most `limit` of them.
    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError>;

    /// A page of all live sessions, in no order, and where the next page begins. The first has no cursor.
    ///
    /// A page holds about `limit` of them, none at all included; what lives all the while is on some page.
    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError>;

    /// Ends a session by its handle; with an account, only one of its own. `false` when there is no such session.
    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError>;

    /// Ends those of these sessions that are the account's and, with a moment, have not been used after it; returns which.
    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError>;

    /// Ends about `batch` sessions of an account, one excepted, and returns how many it ended and where to go on. The first
    /// call has no cursor. After the last one every session has ended that the account had before the first.
    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError>;

    /// Ends the sessions of an account, all of them or all but one, and says how many. In steps, so that an account may have
    /// any number of them; after an error some have ended.
    async fn end_by_account(&self, account: &str, except: Option<&Handle>) -> Result<u64, StoreError> {
        let (mut ended, mut cursor) = (0, None);
        loop {
            let step = self.end_some(account, except, cursor.as_deref(), BATCH).await?;
            ended += step.sessions;
            match step.next {
                None => return Ok(ended),
                next => cursor = next,
            }
        }
    }

    /// Removes at most `batch` sessions whose deadline has come, those first that have been over longest, and at most
    /// as many retired ids whose grace is over.
    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError>;

    /// Takes the office of sweeper until a moment, or keeps it: of all nodes on a store one at a time has it.
    ///
    /// `false` when another sweeper has it.
    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError>;

    /// Whether the session of a handle lives. Asked of one that is watched when its id leads nowhere any more.
    ///
    /// Unless a store knows better, it goes through all sessions.
    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        let mut cursor = None;
        loop {
            let page = self.browse(cursor.as_deref(), 1000, now).await?;
            if page.sessions.iter().any(|listed| listed.handle == *handle) {
                return Ok(true);
            }
            match page.next {
                None => return Ok(false),
                next => cursor = next,
            }
        }
    }

    /// Tells of sessions as they end or are rotated, on whatever node, for as long as it is asked to: it ends with an error
    /// when the channel is lost. Called while somebody watches, and dropped when nobody does.
    ///
    /// First it says [`of_any`](News::of_any), when what happens from then on will be told. Deadlines that pass are
    /// not news. Unless a store has a channel this ends at once, and what happens elsewhere is found by looking.
    async fn news(&self, _news: &News) -> Result<(), StoreError> {
        Ok(())
    }

    /// Compares a node's clock with the store's own, where it has one that all nodes share; `None` where it has none.
    ///
    /// From then on the store judges by its own clock how long an id that was rotated away is good for something, so that
    /// nodes with different clocks agree on it. Every other moment stays the caller's. A store that several nodes share and
    /// that has no clock needs nodes whose clocks differ by less than `rotation_grace`.
    async fn compare(&self, _clock: &Clock) -> Result<Option<Skew>, StoreError> {
        Ok(None)
    }

    /// How many sessions there are.
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError>;

    /// Succeeds when the store can be read and written.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// What [`Store::load`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A live session, and the id under which it lives now (another one than asked for after a renewal). Shared, so that a
    /// store that has it in memory need not copy it.
    Live(IdHash, Arc<Record>),
    /// The id was rotated away a moment ago and opens nothing any more.
    Retired,
    /// There is no such session, or none any more.
    Absent,
}

/// What became of [`Store::apply`] or [`Store::rotate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is done; this is the version of the data now.
    Done(u64),
    /// The session is gone: ended, expired or rotated away. Nothing was written.
    Gone,
    /// The data has another version than the changes ask for. Nothing was written.
    Conflict,
    /// The data would outgrow its limit. Nothing was written.
    TooLarge,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many sessions it removed.
    pub sessions: u64,
    /// Whether another sweep at this moment may find more to do.
    pub more: bool,
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions that live.
    pub live: u64,
    /// Sessions that are over and not swept yet.
    pub over: u64,
}

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached or did not answer.
    #[error("the session store cannot be reached: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record could not be understood. It is treated as absent.
    #[error("a session record could not be read: {0}")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Wraps a client's error.
    pub fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    /// Wraps a decoder's error.
    pub fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt(error.into())
    }
}

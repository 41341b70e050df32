//! The [`Store`] contract, and the stores that implement it.

#[cfg(feature = "conformance")]
pub mod contract;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod database;
mod listing;
mod open;
mod readiness;
mod skew;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod store_clock;

use super::clock::{Clock, Timestamp};
use super::id::{Handle, IdHash};
use super::news::News;
use super::record::{Changes, Record, Rotation};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use database::{Chain, Database, Value};
pub use listing::{After, Ended, Listed, Order, Page};
pub use open::{OpenError, Schema, Transport};
pub use readiness::{Readiness, Ready};
pub use skew::Skew;

/// The number of sessions that one [`Store::end_some`] step ends, so few that one statement stays within its timeout.
pub(crate) const BATCH: u32 = 1000;

/// A store of sessions. Each session is stored under its id, the hash of its token ([`IdHash`]).
///
/// Each change of a session is atomic: it takes effect as a whole or not at all, also when several processes share the
/// store. A store has no clock and no policy: the caller passes the moment and enforces the rules. A session counts as
/// absent from its deadline on, swept or not. Only a method that ends sessions may still find an expired one.
///
/// # Errors
///
/// "Not found" is a return value, never an error. [`StoreError::Unavailable`] means that the store could not be
/// reached, [`StoreError::Corrupt`] that a record exists and cannot be read.
///
/// The suite in [`contract`] proves an implementation.
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Returns the kind of store in one word for logs and pages, such as `sqlite`.
    fn kind(&self) -> &'static str;

    /// Loads the session of an id: its current id, or a renewed one within its grace period.
    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError>;

    /// Stores a new session. Returns `false` when the id is in use, and never overwrites a session.
    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError>;

    /// Changes a live session and marks it as used. Never creates a session.
    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError>;

    /// Gives a live session a new id in one atomic step. Afterwards the session lives under the new id alone.
    ///
    /// The handle and everything that `rotation` does not name stay. A sign-in counts as a creation. Marks the session
    /// as used, and as renewed now.
    /// `id` must be the current id: an earlier id that still reaches the session gets [`Applied::Gone`].
    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError>;

    /// Marks a live session as used and leaves its data alone. Returns `false` when the session is gone.
    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a session. Returns `false` when there was none.
    async fn end(&self, id: &IdHash) -> Result<bool, StoreError>;

    /// Returns the live sessions of an account in this order, at most `limit` of them.
    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError>;

    /// Returns a page of all live sessions in no particular order, and the cursor of the next page. The first page has
    /// no cursor.
    ///
    /// A page holds about `limit` sessions and may be empty. A session that lives from the first page to the last is on
    /// at least one of them.
    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError>;

    /// Ends a session by its handle; with an account, only a session of that account. Returns `false` when there is
    /// none.
    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError>;

    /// Ends those of the sessions that belong to the account and, with `unused_since`, have not been used after that
    /// moment. Returns the handles of the ended sessions.
    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError>;

    /// Ends about `batch` sessions of an account, but not `except`. Returns how many it ended, and the cursor of the
    /// next call. The first call has no cursor. After the last call, all sessions that the account had before the first
    /// have ended, except that one.
    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError>;

    /// Ends all sessions of an account, or all but `except`, and returns how many. Works in steps, because an account
    /// may have any number of sessions; after an error some have ended.
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

    /// Removes at most `batch` expired sessions, beginning with those that expired first, and at most as many retired
    /// ids after their grace period.
    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError>;

    /// Takes or extends the sweep lease until the moment `until`. One of the nodes that share a store holds it at a
    /// time.
    ///
    /// Returns `false` when another sweeper holds the lease.
    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError>;

    /// Returns whether the session of a handle lives. The engine calls it for a watched session when its id leads
    /// nowhere.
    ///
    /// The default goes through all sessions; override it in a store that can look up a handle.
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

    /// Notifies `news` of sessions as they end or are rotated on any node. Runs until it is dropped, or until the
    /// channel is lost, which is an error. The engine calls it while a client watches a session, and drops it when none
    /// does.
    ///
    /// Calls [`of_any`](News::of_any) first, as soon as every later change will be notified. Deadlines that pass are
    /// not notified. The default, for a store without a channel, returns at once; the engine then finds changes by
    /// polling.
    async fn news(&self, _news: &News) -> Result<(), StoreError> {
        Ok(())
    }

    /// Compares the node's clock with the store's own, which all nodes share. Returns `None` when the store has no
    /// clock.
    ///
    /// From then on the store decides by its own clock how long a retired id is known, so that nodes with different
    /// clocks agree on it. Every other moment is the caller's. If several nodes share a store that has no clock, their
    /// clocks must differ by less than `rotation_grace`.
    async fn compare(&self, _clock: &Clock) -> Result<Option<Skew>, StoreError> {
        Ok(None)
    }

    /// Returns the number of live and of expired sessions.
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError>;

    /// Succeeds when the store can be read and written.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// The result of [`Store::load`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A live session and its current id, which differs from the requested one after a renewal. The record is shared,
    /// so that a store that has it in memory need not copy it.
    Live(IdHash, Arc<Record>),
    /// The id was rotated away a moment ago and opens no session.
    Retired,
    /// There is no such session, or it has ended or expired.
    Absent,
}

/// The result of [`Store::apply`] or [`Store::rotate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The change is made; this is the new version of the data.
    Done(u64),
    /// The session is gone: ended, expired or rotated away. Nothing was written.
    Gone,
    /// The data has another version than the changes require. Nothing was written.
    Conflict,
    /// The data would exceed its size limit. Nothing was written.
    TooLarge,
}

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The number of sessions that it removed.
    pub sessions: u64,
    /// Whether another sweep at the same moment may find more.
    pub more: bool,
}

/// The number of sessions in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Live sessions.
    pub live: u64,
    /// Expired sessions that are not swept yet.
    pub over: u64,
}

/// The reason why a call of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached or did not answer.
    #[error("the session store cannot be reached: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A record could not be read. The engine treats it as absent.
    #[error("a session record could not be read: {0}")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Wraps an error of the store's client.
    pub fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    /// Wraps an error of a decoder.
    pub fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt(error.into())
    }
}

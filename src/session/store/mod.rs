//! Where sessions are kept: a small contract, and the stores that fulfil it.

pub mod contract;
pub mod memory;
pub mod sqlite;

use super::clock::Timestamp;
use super::id::{Handle, IdHash};
use super::record::{Changes, Record, Rotation};
use async_trait::async_trait;
use std::fmt::Debug;

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
    /// Handle, creation and everything not named in `rotation` stay. Marks the session as used.
    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError>;

    /// Marks a live session as used and leaves its data alone. `false` when it is gone.
    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a session. `false` when there was none.
    async fn end(&self, id: &IdHash) -> Result<bool, StoreError>;

    /// The live sessions of an account, the one used last first.
    async fn list(&self, account: &str, now: Timestamp) -> Result<Vec<Listed>, StoreError>;

    /// Ends one session of an account by its handle. `false` when that account has no such session.
    async fn end_by_handle(&self, account: &str, handle: &Handle) -> Result<bool, StoreError>;

    /// Ends the sessions of an account, all of them or all but one, and says how many.
    async fn end_by_account(&self, account: &str, except: Option<&Handle>) -> Result<u64, StoreError>;

    /// Removes at most `batch` sessions whose deadline has come, the oldest deadline first, and as many retired ids
    /// whose grace is over. Says how many of both.
    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<u64, StoreError>;

    /// Succeeds when the store can be read and written.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// What [`Store::load`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// A live session, and the id under which it lives now (another one than asked for after a renewal).
    Live(IdHash, Record),
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

/// A session in a list of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its public name.
    pub handle: Handle,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
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

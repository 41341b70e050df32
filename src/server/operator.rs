//! What an operator does with the sessions of the configured store, beside the servers that run on it.

use super::accounts;
use super::settings::Settings;
use super::settings::StoreUrl;
use super::start::StartError;
use super::store::{Opened, PATIENCE, open};
use crate::session::Bounds;
use crate::session::clock::Clock;
use crate::session::id::Handle;
use crate::session::store::{Listed, OpenError, Order, Schema, Stats, Store, StoreError};
use crate::session::sweep::{sweep_out, take_office};
use std::collections::HashSet;
use std::sync::Arc;

/// How many sessions one step asks for.
const BATCH: u32 = 500;

/// Why a command could not be done, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The store cannot be opened.
    #[error("store.url: {0}")]
    Open(#[from] OpenError),
    /// The accounts cannot be opened.
    #[error("{0}")]
    Accounts(#[from] StartError),
    /// The sessions are where no other process can see them.
    #[error(
        "store.url: `memory:` keeps its sessions in the server's own process, out of reach from here; use a store \
         that outlives it, like `sqlite:data/hardtack.db`"
    )]
    Memory,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A server is at it.
    #[error("another node has the office of sweeper and removes what is over; leave it to that one, or add `--force`")]
    Led,
}

/// What [`migrate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// The schema was older, or not there at all, and is up to date now.
    Done,
    /// It was up to date.
    UpToDate,
    /// The store is `memory:`, which has none.
    Nothing,
}

/// Brings the schemas of the store and of the accounts up to date.
///
/// # Errors
///
/// When one of them cannot be opened, or was written by a newer version.
pub async fn migrate(settings: &Settings) -> Result<Migration, OperatorError> {
    let store = &settings.store;
    let (opened, done) = match open(store, PATIENCE, Schema::Check).await {
        Err(OpenError::Older { .. } | OpenError::Missing { .. }) => {
            (open(store, PATIENCE, Schema::Migrate).await?, true)
        }
        other => (other?, false),
    };
    // In memory there is nothing that could outlive this command, unless the accounts are elsewhere.
    let nothing = store.url == StoreUrl::Memory && settings.accounts.database.is_none();
    if nothing {
        return Ok(Migration::Nothing);
    }
    let more = accounts::migrate(settings, opened.database.as_ref()).await?;
    Ok(if done || more { Migration::Done } else { Migration::UpToDate })
}

/// The sessions of a store, at an operator's hand. Servers may run on it meanwhile.
#[derive(Debug)]
pub struct Operator {
    store: Arc<dyn Store>,
    clock: Clock,
    bounds: Bounds,
}

/// Sessions that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The sessions, the one used last first.
    pub sessions: Vec<Listed>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

impl Operator {
    /// Opens the store, and leaves its schema alone.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, has another schema than this program, or is `memory:`.
    pub async fn open(settings: &Settings) -> Result<Self, OperatorError> {
        if settings.store.url == StoreUrl::Memory {
            return Err(OperatorError::Memory);
        }
        let Opened { store, .. } = open(&settings.store, PATIENCE, Schema::Check).await?;
        let bounds = Bounds { common: settings.session.clocks().lifetime, longest: settings.sign_in.keep };
        Ok(Self { store, clock: Clock::System, bounds })
    }

    /// The kind of store, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.store.kind()
    }

    /// The clock by which sessions are over or not.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The live sessions of an account, or of everybody; at most `limit` of them.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn list(&self, account: Option<&str>, limit: usize) -> Result<Found, OperatorError> {
        let mut sessions = match account {
            Some(account) => {
                let most = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
                let listed = self.store.list(account, Order::Used(None), most, self.clock.now()).await?;
                listed.into_iter().filter_map(|listed| self.live(listed)).collect()
            }
            None => self.some_of_all(limit).await?,
        };
        let more = sessions.len() > limit;
        sessions.truncate(limit);
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen));
        Ok(Found { sessions, more })
    }

    /// A session as the settings have it, if it lives by them.
    fn live(&self, listed: Listed) -> Option<Listed> {
        listed.within(&self.bounds, self.clock.now())
    }

    /// More than `limit` sessions, or all that there are.
    async fn some_of_all(&self, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let (mut sessions, mut known, mut cursor) = (Vec::new(), HashSet::new(), None);
        loop {
            let page = self.store.browse(cursor.as_deref(), BATCH, self.clock.now()).await?;
            // A session may be on two pages while the store moves.
            let live = page.sessions.into_iter().filter_map(|listed| self.live(listed));
            sessions.extend(live.filter(|session| known.insert(session.handle)));
            cursor = page.next;
            if cursor.is_none() || sessions.len() > limit {
                return Ok(sessions);
            }
        }
    }

    /// Ends a session. `false` when there is none of this handle.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end(&self, handle: &Handle) -> Result<bool, OperatorError> {
        Ok(self.store.end_by_handle(None, handle).await?)
    }

    /// Ends the sessions of an account, and says how many.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_account(&self, account: &str) -> Result<u64, OperatorError> {
        Ok(self.store.end_by_account(account, None).await?)
    }

    /// Ends every session that began before this call, and says how many it ended.
    ///
    /// # Errors
    ///
    /// When the store fails. Some are ended then.
    pub async fn end_all(&self) -> Result<u64, OperatorError> {
        let called = self.clock.now();
        let mut ended = 0;
        loop {
            let (mut cursor, mut left) = (None, false);
            loop {
                let page = self.store.browse(cursor.as_deref(), BATCH, self.clock.now()).await?;
                for session in &page.sessions {
                    if self.store.end_by_handle(None, &session.handle).await? {
                        ended += 1;
                        left |= session.created <= called;
                    }
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            // A second look finds what the first one moved past. Those who come back meanwhile begin anew.
            if !left {
                return Ok(ended);
            }
        }
    }

    /// Removes sessions that are over until none is left, and says how many.
    ///
    /// Unless `force`, as the sweeper in office, which one node at a time is.
    ///
    /// # Errors
    ///
    /// When another node has the office, or the store fails.
    pub async fn sweep(&self, force: bool) -> Result<u64, OperatorError> {
        let (store, sweeper) = (&*self.store, Handle::generate());
        let mut removed = 0;
        loop {
            if !force && !take_office(store, &self.clock, &sweeper).await? {
                return Err(OperatorError::Led);
            }
            let swept = sweep_out(store, &self.clock).await?;
            removed += swept.sessions;
            if !swept.more {
                break;
            }
        }
        if !force {
            // Given back: else nobody would sweep until the term is over.
            let now = self.clock.now();
            store.lead(&sweeper, now, now).await?;
        }
        Ok(removed)
    }

    /// How many sessions there are.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn stats(&self) -> Result<Stats, OperatorError> {
        Ok(self.store.stats(self.clock.now()).await?)
    }
}

//! The operator's access to the sessions in the configured store, while servers run on it.

use super::accounts;
use super::settings::Settings;
use super::settings::StoreUrl;
use super::start::StartError;
use super::store::{Opened, PATIENCE, open};
use hardtack_session::Bounds;
use hardtack_session::clock::Clock;
use hardtack_session::id::Handle;
use hardtack_session::store::{Listed, OpenError, Order, Schema, Stats, Store, StoreError};
use hardtack_session::sweep::{sweep_out, take_office};
use std::collections::HashSet;
use std::sync::Arc;

/// The number of sessions that one store call asks for.
const BATCH: u32 = 500;

/// The reason why a command failed, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The store cannot be opened.
    #[error("store.url: {0}")]
    Open(#[from] OpenError),
    /// The accounts cannot be opened.
    #[error("{0}")]
    Accounts(#[from] StartError),
    /// The sessions are in a process that no other process can access.
    #[error(
        "store.url: `memory:` keeps its sessions in the server's own process, which this command cannot reach; use \
         another store, like `sqlite:data/hardtack.db`"
    )]
    Memory,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Another node holds the sweep lease.
    #[error("another node holds the sweep lease and already removes expired sessions; use `--force` to sweep anyway")]
    Led,
}

/// The result of [`migrate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// The schema was older or missing, and is up to date now.
    Done,
    /// It was up to date.
    UpToDate,
    /// The store is `memory:`, which has no schema.
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
    // An in-memory store ends with this command, so only a database of the accounts has anything to migrate.
    let nothing = store.url == StoreUrl::Memory && settings.accounts.database.is_none();
    if nothing {
        return Ok(Migration::Nothing);
    }
    let more = accounts::migrate(settings, opened.database.as_ref()).await?;
    Ok(if done || more { Migration::Done } else { Migration::UpToDate })
}

/// The sessions of a store, for an operator. Servers may run on it at the same time.
#[derive(Debug)]
pub struct Operator {
    store: Arc<dyn Store>,
    clock: Clock,
    bounds: Bounds,
}

/// The sessions that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The sessions, the one used last first.
    pub sessions: Vec<Listed>,
    /// Whether there are more sessions than requested.
    pub more: bool,
}

impl Operator {
    /// Opens the store, and does not change its schema.
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

    /// Returns the kind of the store, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.store.kind()
    }

    /// Returns the clock by which sessions expire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Returns the live sessions of an account, or of all accounts and visitors; at most `limit` of them.
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

    /// Returns the session with the lifetimes of the settings, if it lives by them.
    fn live(&self, listed: Listed) -> Option<Listed> {
        listed.within(&self.bounds, self.clock.now())
    }

    /// Returns more than `limit` sessions, or all sessions.
    async fn some_of_all(&self, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let (mut sessions, mut known, mut cursor) = (Vec::new(), HashSet::new(), None);
        loop {
            let page = self.store.browse(cursor.as_deref(), BATCH, self.clock.now()).await?;
            // A session may be on two pages when the store changes between them.
            let live = page.sessions.into_iter().filter_map(|listed| self.live(listed));
            sessions.extend(live.filter(|session| known.insert(session.handle)));
            cursor = page.next;
            if cursor.is_none() || sessions.len() > limit {
                return Ok(sessions);
            }
        }
    }

    /// Ends a session. Returns `false` when no session has this handle.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end(&self, handle: &Handle) -> Result<bool, OperatorError> {
        Ok(self.store.end_by_handle(None, handle).await?)
    }

    /// Ends the sessions of an account. Returns their number.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn end_account(&self, account: &str) -> Result<u64, OperatorError> {
        Ok(self.store.end_by_account(account, None).await?)
    }

    /// Ends every session that began before this call. Returns their number.
    ///
    /// # Errors
    ///
    /// When the store fails. Some sessions have ended then.
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
            // A second pass finds sessions that the first one missed. Sessions that begin meanwhile stay.
            if !left {
                return Ok(ended);
            }
        }
    }

    /// Removes expired sessions until none is left. Returns their number.
    ///
    /// Unless `force` is set, it holds the sweep lease meanwhile, which one node has at a time.
    ///
    /// # Errors
    ///
    /// When another node holds the lease, or the store fails.
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
            // Gives the lease back, because otherwise no node would sweep until the lease runs out.
            let now = self.clock.now();
            store.lead(&sweeper, now, now).await?;
        }
        Ok(removed)
    }

    /// Returns the numbers of sessions.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn stats(&self) -> Result<Stats, OperatorError> {
        Ok(self.store.stats(self.clock.now()).await?)
    }
}

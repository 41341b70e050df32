//! A store that counts its calls and can be frozen or broken.

use async_trait::async_trait;
use hardtack_session::News;
use hardtack_session::clock::{Clock, Timestamp};
use hardtack_session::id::{Handle, IdHash};
use hardtack_session::record::{Changes, Record, Rotation};
use hardtack_session::store::{Applied, Ended, Listed, Loaded, Order, Page, Skew, Stats, Store, StoreError, Swept};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A real store behind a counter and the faults of a test.
#[derive(Debug)]
pub struct Watched {
    inner: Arc<dyn Store>,
    calls: AtomicUsize,
    writes: AtomicUsize,
    frozen: AtomicBool,
    frozen_writes: AtomicBool,
    broken: AtomicBool,
    broken_lists: AtomicBool,
    held_writes: watch::Sender<bool>,
    held_lists: watch::Sender<bool>,
    listened: AtomicUsize,
    /// The limit of each sweep.
    sweeps: Mutex<Vec<u32>>,
    endless: AtomicBool,
    mute: bool,
}

impl Watched {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self::before(inner))
    }

    /// Returns a store without its notification channel, so that changes by others are not reported.
    pub fn mute(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { mute: true, ..Self::before(inner) })
    }

    fn before(inner: Arc<dyn Store>) -> Self {
        let (calls, writes, listened) = (0.into(), 0.into(), 0.into());
        let (frozen, frozen_writes) = (false.into(), false.into());
        let (broken, broken_lists) = (false.into(), false.into());
        Self {
            inner,
            calls,
            writes,
            frozen,
            frozen_writes,
            broken,
            broken_lists,
            held_writes: watch::Sender::new(false),
            held_lists: watch::Sender::new(false),
            listened,
            sweeps: Mutex::default(),
            endless: false.into(),
            mute: false,
        }
    }

    /// Returns how often a listener was started on its channel.
    pub fn listened(&self) -> usize {
        self.listened.load(Ordering::SeqCst)
    }

    /// Returns the number of calls since this was last called: all calls, and those that write.
    pub fn asked(&self) -> (usize, usize) {
        (self.calls.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }

    /// Suspends all calls until thawed.
    pub fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::SeqCst);
    }

    /// Suspends the calls that write until thawed.
    pub fn freeze_writes(&self, frozen: bool) {
        self.frozen_writes.store(frozen, Ordering::SeqCst);
    }

    /// Makes all calls fail at once until mended.
    pub fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Makes the calls that write wait until they are released.
    pub fn hold_writes(&self, held: bool) {
        self.held_writes.send_replace(held);
    }

    /// Makes lists of more than one session wait until they are released. A sign-in lists one session first, to get
    /// its place in the order.
    pub fn hold_lists(&self, held: bool) {
        self.held_lists.send_replace(held);
    }

    /// Reports after each sweep that there is more.
    pub fn sweep_without_end(&self) {
        self.endless.store(true, Ordering::SeqCst);
    }

    /// Returns the limit of each sweep.
    pub fn sweeps(&self) -> Vec<u32> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes lists fail at once until mended.
    pub fn break_lists(&self, broken: bool) {
        self.broken_lists.store(broken, Ordering::SeqCst);
    }

    async fn pass(&self, writes: bool) -> Result<&dyn Store, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.writes.fetch_add(usize::from(writes), Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("broken for a test"));
        }
        if self.frozen.load(Ordering::SeqCst) || (writes && self.frozen_writes.load(Ordering::SeqCst)) {
            std::future::pending::<()>().await;
        }
        if writes {
            drop(self.held_writes.subscribe().wait_for(|held| !held).await.expect("a sender"));
        }
        Ok(&*self.inner)
    }
}

#[async_trait]
impl Store for Watched {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn load(&self, id: &IdHash, now: Timestamp) -> Result<Loaded, StoreError> {
        self.pass(false).await?.load(id, now).await
    }
    async fn create(&self, id: &IdHash, record: &Record) -> Result<bool, StoreError> {
        self.pass(true).await?.create(id, record).await
    }
    async fn apply(&self, id: &IdHash, changes: &Changes, now: Timestamp) -> Result<Applied, StoreError> {
        self.pass(true).await?.apply(id, changes, now).await
    }
    async fn rotate(&self, id: &IdHash, rotation: &Rotation, now: Timestamp) -> Result<Applied, StoreError> {
        self.pass(true).await?.rotate(id, rotation, now).await
    }
    async fn touch(&self, id: &IdHash, now: Timestamp) -> Result<bool, StoreError> {
        self.pass(true).await?.touch(id, now).await
    }
    async fn end(&self, id: &IdHash) -> Result<bool, StoreError> {
        self.pass(true).await?.end(id).await
    }
    async fn list(&self, account: &str, order: Order, limit: u32, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        let store = self.pass(false).await?;
        if self.broken_lists.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("broken for a test"));
        }
        if limit > 1 {
            drop(self.held_lists.subscribe().wait_for(|held| !held).await.expect("a sender"));
        }
        store.list(account, order, limit, now).await
    }
    async fn browse(&self, cursor: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, StoreError> {
        self.pass(false).await?.browse(cursor, limit, now).await
    }
    async fn end_by_handle(&self, account: Option<&str>, handle: &Handle) -> Result<bool, StoreError> {
        self.pass(true).await?.end_by_handle(account, handle).await
    }
    async fn end_those(
        &self,
        account: &str,
        handles: &[Handle],
        unused_since: Option<Timestamp>,
    ) -> Result<Vec<Handle>, StoreError> {
        self.pass(true).await?.end_those(account, handles, unused_since).await
    }
    async fn end_some(
        &self,
        account: &str,
        except: Option<&Handle>,
        cursor: Option<&str>,
        batch: u32,
    ) -> Result<Ended, StoreError> {
        self.pass(true).await?.end_some(account, except, cursor, batch).await
    }
    async fn sweep(&self, now: Timestamp, batch: u32) -> Result<Swept, StoreError> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        let swept = self.pass(true).await?.sweep(now, batch).await?;
        Ok(Swept { more: swept.more || self.endless.load(Ordering::SeqCst), ..swept })
    }
    async fn lead(&self, sweeper: &Handle, until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.pass(true).await?.lead(sweeper, until, now).await
    }
    async fn compare(&self, clock: &Clock) -> Result<Option<Skew>, StoreError> {
        self.inner.compare(clock).await
    }
    async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        self.pass(false).await?.stats(now).await
    }
    async fn lives(&self, handle: &Handle, now: Timestamp) -> Result<bool, StoreError> {
        self.pass(false).await?.lives(handle, now).await
    }
    async fn news(&self, news: &News) -> Result<(), StoreError> {
        self.listened.fetch_add(1, Ordering::SeqCst);
        if self.mute { Ok(()) } else { self.inner.news(news).await }
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.pass(false).await?.ping().await
    }
}

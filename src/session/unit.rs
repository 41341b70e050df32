//! One request's dealings with its session: what was loaded, what changed, what the browser must be told.
//!
//! To tower-sessions this is a `SessionStore`, made for one request. It remembers the record as loaded, turns
//! the difference into [`Changes`], and reads `delete` followed by `create` as what it is: a rotation.

use super::clock::Timestamp;
use super::engine::Engine;
use super::error::Fault;
use super::id::{IdHash, Secret};
use super::record::{Changes, Data, Grace, Record, Rotation, size};
use super::store::{Applied, Loaded, StoreError};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tower_sessions::session::Record as TowerRecord;
use tower_sessions::session_store::{Error as TowerError, Result as TowerResult, SessionStore};

/// The unit of work of one request.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) engine: Arc<Engine>,
    /// `HEAD` and prefetches: nobody looks, so nothing is stored.
    pub(super) speculative: bool,
    /// The id that the request's cookie carried.
    pub(super) presented: Option<Secret>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The id under which the session lives, as far as this request knows.
    pub(super) current: Option<IdHash>,
    /// The session as loaded, kept in step with what this request has written.
    pub(super) base: Option<Record>,
    /// An id that was deleted and may yet turn out to be rotated.
    deleted: Option<IdHash>,
    /// The browser must be given this one.
    pub(super) issued: Option<Secret>,
    /// The browser must forget what it presented.
    pub(super) forget: bool,
    /// The store has been told that the session is in use.
    pub(super) marked: bool,
    /// The head of the answer has left.
    pub(super) sent: bool,
    pub(super) fault: Option<Fault>,
    /// How long this request has waited for the store.
    spent: Duration,
}

impl Unit {
    pub(super) fn new(engine: Arc<Engine>, presented: Option<Secret>, speculative: bool) -> Self {
        let current = presented.as_ref().map(Secret::hash);
        let state = Mutex::new(State { current, ..State::default() });
        Self { engine, speculative, presented, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.engine.clock.now()
    }

    /// Waits for a step of the store, within what is left of this request's patience.
    ///
    /// After a failure the request asks no more: an outage costs each request one timeout at most (G8).
    pub(super) async fn ask<T>(&self, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, Fault> {
        let left = {
            let state = self.state();
            if let Some(fault) = state.fault {
                return Err(fault);
            }
            self.engine.timeout.saturating_sub(state.spent)
        };
        let begun = Instant::now();
        let answer = tokio::time::timeout(left, step).await;
        self.state().spent += begun.elapsed();
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::error!(store = self.engine.store.kind(), %error, "the session store failed");
                Err(self.fail(Fault::Unavailable))
            }
            Err(_) => {
                let timeout = self.engine.timeout;
                tracing::error!(store = self.engine.store.kind(), ?timeout, "the session store did not answer in time");
                Err(self.fail(Fault::Unavailable))
            }
        }
    }

    pub(super) fn fail(&self, fault: Fault) -> Fault {
        *self.state().fault.get_or_insert(fault)
    }

    /// Loads the session of the presented id.
    pub(super) async fn find(&self) -> Result<Option<Record>, Fault> {
        let Some(id) = self.state().current else { return Ok(None) };
        let now = self.now();
        match self.ask(async { tolerate(self.engine.store.load(&id, now).await) }).await? {
            Loaded::Live(id, record) => {
                self.state().current = Some(id);
                Ok(Some(record))
            }
            Loaded::Retired => Err(self.fail(Fault::Renewed)),
            Loaded::Absent => {
                tracing::debug!(?id, "a session id that is not, or no longer, known");
                self.state().current = None;
                Ok(None)
            }
        }
    }

    /// Sends changes of the data; none are sent when there are none.
    pub(super) async fn apply(&self, changes: Changes) -> Result<Applied, Fault> {
        if self.speculative {
            return Ok(Applied::Done(0));
        }
        self.complain_when_late();
        let Some(id) = self.state().current else { return Err(self.fail(Fault::Ended)) };
        let applied = self.ask(self.engine.store.apply(&id, &changes, self.now())).await?;
        match applied {
            Applied::Done(version) => self.record_written(&changes, version),
            Applied::Conflict => {}
            Applied::Gone => return Err(self.fail(Fault::Ended)),
            Applied::TooLarge => return Err(self.fail(self.too_large())),
        }
        Ok(applied)
    }

    /// Keeps a new session under a new id.
    async fn begin(&self, data: Data) -> Result<(), Fault> {
        if size(&data) > self.engine.max_data {
            return Err(self.fail(self.too_large()));
        }
        let record = Record::new(data, self.engine.lifetime, self.now());
        if !self.speculative {
            let secret = self.new_secret()?;
            // 256 random bits do not collide; if the source is broken, no stranger's session is handed out.
            if !self.ask(self.engine.store.create(&secret.hash(), &record)).await? {
                return Err(self.fail(Fault::Random));
            }
            self.issue(secret);
        }
        self.state().base = Some(record);
        Ok(())
    }

    /// Moves the session of `old` to a new id.
    async fn rotate(&self, old: IdHash, changes: Changes) -> Result<(), Fault> {
        let secret = self.new_secret()?;
        let grace = Grace::Recognised(self.now() + self.engine.rotation_grace);
        let rotation = Rotation { to: secret.hash(), changes, account: None, lifetime: None, grace };
        match self.ask(self.engine.store.rotate(&old, &rotation, self.now())).await? {
            Applied::Done(version) => {
                self.record_written(&rotation.changes, version);
                self.issue(secret);
                Ok(())
            }
            Applied::Gone | Applied::Conflict => Err(self.fail(Fault::Ended)),
            Applied::TooLarge => Err(self.fail(self.too_large())),
        }
    }

    /// Ends the session at once.
    pub(super) async fn end(&self) -> Result<(), Fault> {
        let id = {
            let mut state = self.state();
            let deleted = state.deleted.take();
            state.current.take().or(deleted)
        };
        if let Some(id) = id.filter(|_| !self.speculative) {
            self.ask(self.engine.store.end(&id)).await?;
            let mut state = self.state();
            state.base = None;
            state.issued = None;
            state.forget = true;
        }
        Ok(())
    }

    /// Tells the store that the session is in use, if it has not been told for a while.
    pub(super) async fn touch(&self) -> Result<(), Fault> {
        let now = self.now();
        let due = {
            let state = self.state();
            let seen = state.base.as_ref().filter(|_| !state.marked).map(|record| record.seen);
            state.current.filter(|_| seen.is_some_and(|seen| now - seen >= self.engine.touch_every))
        };
        let Some(id) = due.filter(|_| !self.speculative) else { return Ok(()) };
        // Gone meanwhile: what this request has read, it read while the session lived.
        if self.ask(self.engine.store.touch(&id, now)).await? {
            self.mark(now);
        }
        Ok(())
    }

    /// Whether a deleted id still waits for its rotation or its end.
    pub(super) fn has_deleted(&self) -> bool {
        self.state().deleted.is_some()
    }

    fn issue(&self, secret: Secret) {
        let mut state = self.state();
        state.current = Some(secret.hash());
        state.issued = Some(secret);
        state.forget = false;
        state.marked = true;
    }

    fn mark(&self, now: Timestamp) {
        let mut state = self.state();
        state.marked = true;
        if let Some(base) = &mut state.base {
            base.seen = base.seen.max(now);
        }
    }

    fn record_written(&self, changes: &Changes, version: u64) {
        self.mark(self.now());
        if let Some(base) = &mut self.state().base {
            changes.apply_to(&mut base.data);
            base.version = version;
        }
    }

    /// Streamed rendering writes behind its own answer: kept where it can be, and never silently.
    fn complain_when_late(&self) {
        if self.state().sent {
            tracing::error!("a session was changed after the head of the answer had left; write before rendering");
        }
    }

    fn new_secret(&self) -> Result<Secret, Fault> {
        if self.state().sent {
            tracing::error!("a session cannot begin after the head of the answer has left; its values are lost");
            return Err(self.fail(Fault::TooLate));
        }
        Secret::generate().map_err(|error| {
            tracing::error!(%error, "the system has no random numbers, so no session can begin");
            self.fail(Fault::Random)
        })
    }

    fn too_large(&self) -> Fault {
        let limit = self.engine.max_data;
        tracing::error!(limit, "a session would hold more bytes than it may");
        Fault::TooLarge { limit }
    }

    /// What `data` changed, measured against the record as loaded.
    fn changes(&self, data: &HashMap<String, Value>) -> Changes {
        let state = self.state();
        let kept = state.base.as_ref().map(|record| &record.data);
        let before = |name: &str| kept.and_then(|kept| kept.get(name));
        let mut changes = Changes { max_data: self.engine.max_data, ..Changes::default() };
        for (name, value) in data {
            // Values are compared, not texts: another version may have spelt the same value differently.
            let same =
                before(name).is_some_and(|text| serde_json::from_str(text).is_ok_and(|old: Value| old == *value));
            if !same {
                changes.values.insert(name.clone(), Some(value.to_string()));
            }
        }
        for name in kept.into_iter().flat_map(Data::keys).filter(|name| !data.contains_key(*name)) {
            changes.values.insert(name.clone(), None);
        }
        changes
    }

    async fn load_record(&self) -> Result<Option<TowerRecord>, Fault> {
        let Some(record) = self.find().await? else { return Ok(None) };
        let id = self.state().current.unwrap_or(IdHash([0; 32])).as_tower_id();
        let parsed: Result<_, _> = record
            .data
            .iter()
            .map(|(name, text)| Ok((name.clone(), serde_json::from_str(text)?)))
            .collect::<Result<HashMap<String, Value>, serde_json::Error>>();
        match parsed {
            Ok(data) => {
                self.state().base = Some(record);
                Ok(Some(TowerRecord { id, data, expiry_date: cookie::time::OffsetDateTime::UNIX_EPOCH }))
            }
            Err(error) => {
                tracing::warn!(%error, "a session record could not be read and counts as none");
                self.state().current = None;
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl SessionStore for Unit {
    async fn load(&self, _: &tower_sessions::session::Id) -> TowerResult<Option<TowerRecord>> {
        self.load_record().await.map_err(backend)
    }

    async fn save(&self, record: &TowerRecord) -> TowerResult<()> {
        if self.state().base.is_none() {
            // `clear` makes a record without loading one; its difference needs the one that is kept.
            let found = self.find().await.map_err(backend)?;
            self.state().base = found;
        }
        let signed_in = self.state().base.as_ref().is_some_and(|base| base.account.is_some());
        if record.data.is_empty() && !signed_in {
            return self.end().await.map_err(backend);
        }
        let changes = self.changes(&record.data);
        if changes.values.is_empty() {
            return Ok(());
        }
        self.apply(changes).await.map(drop).map_err(backend)
    }

    async fn create(&self, record: &mut TowerRecord) -> TowerResult<()> {
        let deleted = self.state().deleted.take().filter(|_| !self.speculative);
        match deleted {
            // `cycle_id` gives the record a new id before it deletes the old one …
            Some(old) if old.as_tower_id() != record.id => {
                let changes = self.changes(&record.data);
                self.rotate(old, changes).await.map_err(backend)?;
            }
            // … and `flush` leaves the old id in it: that session is over, and another one begins.
            ended => {
                if let Some(old) = ended {
                    self.state().current = Some(old);
                    self.end().await.map_err(backend)?;
                }
                let texts = record.data.iter().map(|(name, value)| (name.clone(), value.to_string()));
                self.begin(texts.collect()).await.map_err(backend)?;
            }
        }
        if let Some(id) = self.state().current {
            record.id = id.as_tower_id();
        }
        Ok(())
    }

    async fn delete(&self, _: &tower_sessions::session::Id) -> TowerResult<()> {
        let mut state = self.state();
        state.deleted = state.current.take();
        Ok(())
    }
}

/// A record that cannot be read is no session: the visitor begins anew, the log says why.
fn tolerate(loaded: Result<Loaded, StoreError>) -> Result<Loaded, StoreError> {
    match loaded {
        Err(StoreError::Corrupt(error)) => {
            tracing::warn!(%error, "a session record could not be read and counts as none");
            Ok(Loaded::Absent)
        }
        other => other,
    }
}

fn backend(fault: Fault) -> TowerError {
    TowerError::Backend(super::Error::from(fault).to_string())
}

//! The session as a handler holds it.

use super::cookie::CookieSettings;
use super::error::{Error, Fault};
use super::id::Handle;
use super::key::Key;
use super::record::{Changes, Owner, Record};
use super::store::Applied;
use super::unit::Unit;
use axum::extract::FromRequestParts;
use axum::http::{StatusCode, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The session of a request.
///
/// It is [`tower_sessions::Session`] with typed keys and with the steps that commit at once: [`update`],
/// [`rotate`] and [`end`]. All of tower-sessions' methods are there too, through `Deref`, and a handler may as
/// well extract `tower_sessions::Session` itself: both speak to the same unit of work.
///
/// Nothing is loaded before something is asked of it, and nothing is stored before something is put into it.
///
/// [`update`]: Session::update
/// [`rotate`]: Session::rotate
/// [`end`]: Session::end
///
/// # Examples
///
/// ```
/// use hardtack::session::{Error, Key, Session};
///
/// const VISITS: Key<u32> = Key::new("visits");
///
/// async fn count(session: Session) -> Result<String, Error> {
///     let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1).await?;
///     Ok(format!("{visits} visits"))
/// }
/// ```
#[derive(Clone)]
pub struct Session {
    pub(super) inner: tower_sessions::Session,
    pub(super) unit: Arc<Unit>,
}

/// What may be told of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its public name, which survives rotations.
    pub handle: Handle,
    /// Whose it is.
    pub owner: Owner,
    /// The names of its values, sorted; without those that this request has put and not committed.
    pub keys: Vec<String>,
    /// How long ago it began.
    pub age: Duration,
    /// How long until it ends if nothing more is asked of it: by silence, or by its absolute lifetime.
    pub idle_left: Duration,
    /// How long until it ends in any case.
    pub absolute_left: Duration,
    /// The time until it ends if this request is the last that uses it.
    pub left: Duration,
}

impl Session {
    /// The value of a key.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or what is kept is of another type.
    pub async fn read<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        // What this request has put is known to tower-sessions alone; before that one value is decoded, not all.
        if !self.inner.is_modified() && self.unit.look().await? {
            let decoded =
                self.unit.live(|_, record| record.data.get(key.name()).map(|text| serde_json::from_str(text)));
            match decoded.flatten().transpose() {
                Ok(value) => return Ok(value),
                Err(error) if error.is_data() => return Err(value_error(error)),
                // No JSON at all: the record is damaged, and counts as none.
                Err(_) => {}
            }
        }
        let _lent = self.unit.lend();
        self.inner.get(key.name()).await.map_err(|e| self.error(e))
    }

    /// Sets a value; it is committed with the request, which fails (500) if the session would outgrow its limit.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or the value cannot be turned into JSON.
    pub async fn put<T: Serialize>(&self, key: Key<T>, value: &T) -> Result<(), Error> {
        let _lent = self.unit.lend();
        self.inner.insert(key.name(), value).await.map_err(|e| self.error(e))
    }

    /// Removes a value and returns it; committed with the request.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or what was kept is of another type.
    pub async fn take<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        let _lent = self.unit.lend();
        // Read first: what is not of the key's type stays where it is.
        let value = self.inner.get(key.name()).await.map_err(|e| self.error(e))?;
        if value.is_some() {
            self.inner.remove_value(key.name()).await.map_err(|e| self.error(e))?;
        }
        Ok(value)
    }

    /// Changes one value atomically and commits it at once: N concurrent increments give N.
    ///
    /// `change` may be called again when another request was faster; it then starts from what that one wrote. A
    /// session that does not exist yet begins here, with everything that was put into it before. A value that comes
    /// out as it is kept is not written. A speculative request is told the result, and nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached in time, [`Error::Ended`] when the session ended
    /// meanwhile, [`Error::TooLarge`] when it would outgrow its limit, [`Error::Value`] when what is kept is of
    /// another type.
    pub async fn update<T>(&self, key: Key<T>, mut change: impl FnMut(Option<T>) -> T) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let (unit, name) = (&self.unit, key.name());
        let _alone = unit.updating.lock().await;
        let mut fresh = unit.live_id().is_none();
        let _lent = unit.lend();
        let mut before = self.inner.get_value(name).await.map_err(|e| self.error(e))?;
        let Some(id) = unit.live_id() else { return self.begin_with(name, before, change).await };
        let _turn = unit.turn(id).await?;
        let (mut kept, mut version) = self.kept(name)?;
        // What this request has put and not committed is what it starts from, whatever others write.
        let pending = (before != kept).then(|| before.clone());
        loop {
            let value = change(before.map(serde_json::from_value).transpose().map_err(value_error)?);
            let json = serde_json::to_value(&value).map_err(value_error)?;
            let same = kept.as_ref() == Some(&json);
            if (same && fresh) || (!same && self.swap(name, &json, version).await? != Applied::Conflict) {
                self.inner.insert_value(name, json).await.map_err(|e| self.error(e))?;
                return Ok(value);
            }
            // Another writer was faster, or may have been: from here on it is the store's word that counts.
            (kept, version) = self.ask_again(name).await?;
            before = pending.clone().unwrap_or_else(|| kept.clone());
            fresh = true;
        }
    }

    /// The first value of a session that does not exist yet.
    async fn begin_with<T>(
        &self,
        name: &str,
        before: Option<Value>,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let value = change(before.clone().map(serde_json::from_value).transpose().map_err(value_error)?);
        self.inner.insert(name, &value).await.map_err(|e| self.error(e))?;
        if let Err(error) = self.commit().await {
            // What was refused is not to be tried again with the rest of the request.
            match before {
                Some(before) => self.inner.insert_value(name, before).await,
                None => self.inner.remove_value(name).await,
            }
            .map_err(|e| self.error(e))?;
            return Err(error);
        }
        Ok(value)
    }

    /// Commits what was put so far, before the request ends. Without a value there is nothing to commit.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn commit(&self) -> Result<(), Error> {
        self.inner.save().await.map_err(|e| self.error(e))
    }

    /// Gives the session a new id and keeps its values; committed at once, in one step with them.
    ///
    /// For every change of privilege: the old id is dead from this moment on. Where there is no session yet there is
    /// nothing to rotate, and the one that begins later has a new id anyway. Source: ASVS 5.0, 7.2.4.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn rotate(&self) -> Result<(), Error> {
        if self.facts().await?.is_some() {
            self.inner.cycle_id().await.map_err(|e| self.error(e))?;
            self.commit().await?;
        }
        Ok(())
    }

    /// Ends the session, at once and for every request of it.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached: whether it has ended is unknown, so try again.
    /// [`Error::Rotated`] when another request has just given it a new id: the browser must come again with that.
    /// [`Error::Doubtful`] when a session may live that this request does not prove to be its own.
    pub async fn end(&self) -> Result<(), Error> {
        self.unit.end().await?;
        self.inner.flush().await.map_err(|e| self.error(e))
    }

    /// What may be told of the session; `None` when there is none yet.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub async fn facts(&self) -> Result<Option<Facts>, Error> {
        if !self.unit.look().await? {
            // tower-sessions may have more to say: that what it holds is to be ended first.
            self.inner.get_value("").await.map_err(|e| self.error(e))?;
        }
        let (unit, now) = (&self.unit, self.unit.now());
        let seen = |record: &Record| {
            let is_used = !unit.asked.speculative && unit.is_touch_due(record, now);
            if is_used { now } else { record.seen }
        };
        Ok(unit.live(|_, record| Facts {
            handle: record.handle,
            owner: record.owner.clone(),
            age: now - record.created,
            idle_left: record.deadline().left(now),
            absolute_left: (record.created + record.lifetime.absolute).left(now),
            left: record.lifetime.deadline(record.created, seen(record)).left(now),
            keys: record.data.keys().cloned().collect(),
        }))
    }

    /// Whether nobody looks at the answer yet: `HEAD`, or a prefetch (`Sec-Purpose`). Nothing is stored then.
    #[must_use]
    pub fn is_speculative(&self) -> bool {
        self.unit.asked.speculative
    }

    /// Whether a session that would begin now is passed over, although the handler goes on as if it had begun: where
    /// [nobody looks yet](Session::is_speculative); and where a request that only reads carries two session cookies, or
    /// none because another site led here, so that the browser does not lose the session that it may hold.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        self.unit.keeps_nothing()
    }

    /// Whether the session is in the store, as far as this request knows. After a value was [put](Session::commit) or
    /// [updated](Session::update) it is not where nothing was kept: see [`keeps_nothing`](Session::keeps_nothing), a
    /// [`lenient`](super::BeginLimit::lenient) limit, and a session that lives behind a cookie which no key here signed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.unit.live_id().is_some()
    }

    /// The cookie that carries the session.
    #[must_use]
    pub fn cookie(&self) -> &CookieSettings {
        &self.unit.engine.cookie
    }

    /// The kind of store in a word.
    #[must_use]
    pub fn store_kind(&self) -> &'static str {
        self.unit.engine.store.kind()
    }

    /// What the store holds under a name as far as this request knows, and the version that goes with it.
    fn kept(&self, name: &str) -> Result<(Option<Value>, u64), Error> {
        let kept = self.unit.live(|_, record| Ok((parse(record, name)?, record.version)));
        kept.unwrap_or(Err(Error::Ended))
    }

    /// The same, asked anew. The record as loaded stays: the rest of the request is measured against it.
    async fn ask_again(&self, name: &str) -> Result<(Option<Value>, u64), Error> {
        let Some((_, record)) = self.unit.find().await? else { return Err(self.unit.fail(Fault::Ended).into()) };
        Ok((parse(&record, name)?, record.version))
    }

    async fn swap(&self, name: &str, json: &Value, version: u64) -> Result<Applied, Error> {
        let values = [(name.to_owned(), Some(self.unit.text(name, json)?))].into();
        let max_data = self.unit.engine.max_data;
        let changes = Changes { values, if_version: Some(version), max_data, ..Changes::default() };
        Ok(self.unit.apply(&changes).await?)
    }

    pub(super) fn error(&self, error: tower_sessions::session::Error) -> Error {
        match error {
            tower_sessions::session::Error::SerdeJson(error) => value_error(error),
            tower_sessions::session::Error::Store(_) => self.unit.state().last.map_or(Error::Unavailable, Error::from),
        }
    }
}

fn parse(record: &Record, name: &str) -> Result<Option<Value>, Error> {
    record.data.get(name).map(|text| serde_json::from_str(text)).transpose().map_err(value_error)
}

/// The cause names what a session holds, so it goes to the log and no further.
fn value_error(error: serde_json::Error) -> Error {
    tracing::error!(%error, "a session value is not of the type of its key");
    Error::Value(error)
}

impl Deref for Session {
    type Target = tower_sessions::Session;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(…)")
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let session = parts.extensions.get::<Self>().cloned();
        session.ok_or((StatusCode::INTERNAL_SERVER_ERROR, "this route lies outside the `Sessions` layer"))
    }
}

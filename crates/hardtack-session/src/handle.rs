//! The session that a handler extracts from its request.

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
/// It is [`tower_sessions::Session`] with typed keys and with operations that commit at once: [`update`], [`rotate`]
/// and [`end`]. All methods of tower-sessions are available through `Deref`. A handler may also extract
/// `tower_sessions::Session` itself, because both use the same unit of work.
///
/// Nothing is loaded before the first read, and nothing is stored before the first write.
///
/// [`update`]: Session::update
/// [`rotate`]: Session::rotate
/// [`end`]: Session::end
///
/// # Examples
///
/// ```
/// use hardtack_session::{Error, Key, Session};
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

/// The public facts about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The public handle, which stays the same through rotations.
    pub handle: Handle,
    /// The owner.
    pub owner: Owner,
    /// The names of the values, sorted, without those that this request has put and not committed.
    pub keys: Vec<String>,
    /// The time since its beginning or its last sign-in.
    pub age: Duration,
    /// The time until the session ends if it is not used again, by its idle or by its absolute timeout.
    pub idle_left: Duration,
    /// The time until the absolute timeout.
    pub absolute_left: Duration,
    /// The time until the session ends if this request is its last use.
    pub left: Duration,
}

impl Session {
    /// Returns the value of a key.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or the stored value is of another type.
    pub async fn read<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        // Only tower-sessions knows the values that this request has put. Without any, this decodes one value and not
        // all.
        if !self.inner.is_modified() && self.unit.look().await? {
            let decoded =
                self.unit.live(|_, record| record.data.get(key.name()).map(|text| serde_json::from_str(text)));
            match decoded.flatten().transpose() {
                Ok(value) => return Ok(value),
                Err(error) if error.is_data() => return Err(value_error(error)),
                // The text is no JSON: the record is corrupt, and the code below treats it as absent.
                Err(_) => {}
            }
        }
        let _lent = self.unit.lend();
        self.inner.get(key.name()).await.map_err(|e| self.error(e))
    }

    /// Sets a value, which is committed with the request. The request fails (500) if the session would exceed its size
    /// limit.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or the value cannot be turned into JSON.
    pub async fn put<T: Serialize>(&self, key: Key<T>, value: &T) -> Result<(), Error> {
        let _lent = self.unit.lend();
        self.inner.insert(key.name(), value).await.map_err(|e| self.error(e))
    }

    /// Removes a value and returns it. The removal is committed with the request.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or the stored value was of another type.
    pub async fn take<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        let _lent = self.unit.lend();
        // The value is read first, so that a value of another type stays in the session.
        let value = self.inner.get(key.name()).await.map_err(|e| self.error(e))?;
        if value.is_some() {
            self.inner.remove_value(key.name()).await.map_err(|e| self.error(e))?;
        }
        Ok(value)
    }

    /// Changes one value atomically and commits it at once: N concurrent increments give N.
    ///
    /// `change` may be called again if another request was faster; it then starts from the value which that request
    /// wrote. A session that does not exist yet begins here, with all values that were put before. A value that does
    /// not change is not written. A speculative request gets the result, and nothing is stored.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached in time, [`Error::Ended`] when the session ended
    /// meanwhile, [`Error::TooLarge`] when it would exceed its size limit, [`Error::Value`] when the stored value is of
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
        // The update starts from a value that this request has put and not committed, whatever other requests write.
        let pending = (before != kept).then(|| before.clone());
        loop {
            let value = change(before.map(serde_json::from_value).transpose().map_err(value_error)?);
            let json = serde_json::to_value(&value).map_err(value_error)?;
            let same = kept.as_ref() == Some(&json);
            if (same && fresh) || (!same && self.swap(name, &json, version).await? != Applied::Conflict) {
                self.inner.insert_value(name, json).await.map_err(|e| self.error(e))?;
                return Ok(value);
            }
            // Another writer was faster, or may have been, so the update starts again from the value in the store.
            (kept, version) = self.ask_again(name).await?;
            before = pending.clone().unwrap_or_else(|| kept.clone());
            fresh = true;
        }
    }

    /// Begins a session with its first value.
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
            // The refused value is taken back, so that the commit at the end of the request does not try it again.
            match before {
                Some(before) => self.inner.insert_value(name, before).await,
                None => self.inner.remove_value(name).await,
            }
            .map_err(|e| self.error(e))?;
            return Err(error);
        }
        Ok(value)
    }

    /// Commits the values that were put so far, before the request ends. Without a value there is nothing to commit.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn commit(&self) -> Result<(), Error> {
        self.inner.save().await.map_err(|e| self.error(e))
    }

    /// Gives the session a new id and keeps its values. Both are committed at once, in one step.
    ///
    /// For every change of privilege, because the old id is rejected from this moment on. Without a session there is
    /// nothing to rotate, and a session that begins later has a new id anyway. Source: ASVS 5.0, 7.2.4.
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

    /// Ends the session at once, for all its requests.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached: it is unknown whether the session has ended, so try
    /// again. [`Error::Rotated`] when another request has just given it a new id: the browser must retry with its new
    /// cookie. [`Error::Doubtful`] when a session may be live that the request does not prove to be its own.
    pub async fn end(&self) -> Result<(), Error> {
        self.unit.end().await?;
        self.inner.flush().await.map_err(|e| self.error(e))
    }

    /// Returns the facts about the session; `None` when there is none yet.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub async fn facts(&self) -> Result<Option<Facts>, Error> {
        if !self.unit.look().await? {
            // tower-sessions loads too, because that carries out a pending end of the session and reports its failure.
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

    /// Returns whether the request is a `HEAD` or a prefetch (`Sec-Purpose`): no person sees the response yet, and
    /// nothing is stored.
    #[must_use]
    pub fn is_speculative(&self) -> bool {
        self.unit.asked.speculative
    }

    /// Returns whether a session that would begin now is not stored, although the handler goes on as if it had begun.
    ///
    /// That is so for a [speculative request](Session::is_speculative). It is also so for a request with a safe method
    /// that carries two session cookies, or none because a link from another site led here (`SameSite=Strict`), so that
    /// the browser does not lose the session that it may have.
    #[must_use]
    pub fn keeps_nothing(&self) -> bool {
        self.unit.keeps_nothing()
    }

    /// Returns whether the session is in the store, as far as this request knows.
    ///
    /// After a value was [put](Session::commit) or [updated](Session::update) this is `false` if nothing was stored:
    /// see [`keeps_nothing`](Session::keeps_nothing), a [`lenient`](super::BeginLimit::lenient) limit, and a live
    /// session with a cookie that none of the keys signed.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.unit.live_id().is_some()
    }

    /// Returns the settings of the session cookie.
    #[must_use]
    pub fn cookie(&self) -> &CookieSettings {
        &self.unit.engine.cookie
    }

    /// Returns the kind of store in one word.
    #[must_use]
    pub fn store_kind(&self) -> &'static str {
        self.unit.engine.store.kind()
    }

    /// Returns the stored value of a name as far as this request knows, and the version of its record.
    fn kept(&self, name: &str) -> Result<(Option<Value>, u64), Error> {
        let kept = self.unit.live(|_, record| Ok((parse(record, name)?, record.version)));
        kept.unwrap_or(Err(Error::Ended))
    }

    /// Loads the same from the store again. The request's own record stays, because the rest of the request is compared
    /// with it.
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

/// Logs the cause, which may contain session data and therefore appears nowhere else.
fn value_error(error: serde_json::Error) -> Error {
    tracing::error!(%error, "a session value does not have the type of its key");
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
        session.ok_or((StatusCode::INTERNAL_SERVER_ERROR, "this route has no `Sessions` layer: add one to its router"))
    }
}

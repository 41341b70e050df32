//! The session as a handler holds it.

use super::cookie::CookieSettings;
use super::error::Error;
use super::key::Key;
use super::record::Changes;
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
    /// The names of its values, sorted.
    pub keys: Vec<String>,
    /// How long ago it began.
    pub age: Duration,
    /// How long until silence ends it.
    pub idle_left: Duration,
    /// How long until it ends in any case.
    pub absolute_left: Duration,
}

impl Session {
    /// The value of a key.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or what is kept is of another type.
    pub async fn read<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        self.inner.get(key.name()).await.map_err(|e| self.error(e))
    }

    /// Sets a value; it is committed with the request.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or the value cannot be turned into JSON.
    pub async fn put<T: Serialize>(&self, key: Key<T>, value: &T) -> Result<(), Error> {
        self.inner.insert(key.name(), value).await.map_err(|e| self.error(e))
    }

    /// Removes a value and returns it; committed with the request.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or what was kept is of another type.
    pub async fn take<T: DeserializeOwned>(&self, key: Key<T>) -> Result<Option<T>, Error> {
        self.inner.remove(key.name()).await.map_err(|e| self.error(e))
    }

    /// Changes one value atomically and commits it at once: N concurrent increments give N.
    ///
    /// `change` may be called again when another request was faster. A session that does not exist yet begins
    /// here, with everything that was put into it before. A value that comes out as it was is not written.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached in time, [`Error::Ended`] when the session ended
    /// meanwhile, [`Error::TooLarge`] when it would outgrow its limit.
    pub async fn update<T>(&self, key: Key<T>, mut change: impl FnMut(Option<T>) -> T) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
    {
        let mut before = self.inner.get_value(key.name()).await.map_err(|e| self.error(e))?;
        let Some(id) = self.unit.state().current else {
            let value = change(before.map(serde_json::from_value).transpose()?);
            self.inner.insert(key.name(), &value).await.map_err(|e| self.error(e))?;
            self.commit().await?;
            return Ok(value);
        };
        let unit = &self.unit;
        let _turn = unit.ask(async { Ok(unit.engine.queues.wait(&id).await) }).await?;
        loop {
            let value = change(before.clone().map(serde_json::from_value).transpose()?);
            let json = serde_json::to_value(&value)?;
            if before.as_ref() != Some(&json) && self.swap(key.name(), &json).await? == Applied::Conflict {
                before = self.refresh(key.name()).await?;
                continue;
            }
            self.inner.insert_value(key.name(), json).await.map_err(|e| self.error(e))?;
            return Ok(value);
        }
    }

    /// Commits what was put so far, before the request ends.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn commit(&self) -> Result<(), Error> {
        self.inner.save().await.map_err(|e| self.error(e))
    }

    /// Gives the session a new id and keeps its values; committed at once, in one step with them.
    ///
    /// For every change of privilege: the old id is dead from this moment on. Source: ASVS 5.0, 7.2.4.
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
    /// [`Error::Unavailable`] when the store cannot be reached: then it has not ended.
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
        // Any question loads the session.
        self.inner.get_value("").await.map_err(|e| self.error(e))?;
        let now = self.unit.now();
        let state = self.unit.state();
        Ok(state.base.as_ref().map(|record| Facts {
            keys: record.data.keys().cloned().collect(),
            age: now - record.created,
            idle_left: record.deadline().left(now),
            absolute_left: (record.created + record.lifetime.absolute).left(now),
        }))
    }

    /// Whether nobody looks at the answer yet: `HEAD`, or a prefetch (`Sec-Purpose`). Nothing is stored then.
    #[must_use]
    pub fn is_speculative(&self) -> bool {
        self.unit.speculative
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

    async fn swap(&self, name: &str, json: &Value) -> Result<Applied, Error> {
        let if_version = self.unit.state().base.as_ref().map(|record| record.version);
        let values = [(name.to_owned(), Some(json.to_string()))].into();
        let changes = Changes { values, if_version, max_data: self.unit.engine.max_data };
        Ok(self.unit.apply(changes).await?)
    }

    /// Takes over what another request wrote under this one name, and the version it left behind.
    async fn refresh(&self, name: &str) -> Result<Option<Value>, Error> {
        let Some(fresh) = self.unit.find().await? else { return Err(Error::Ended) };
        let text = fresh.data.get(name);
        let value = text.map(|text| serde_json::from_str(text)).transpose()?;
        if let Some(base) = &mut self.unit.state().base {
            base.version = fresh.version;
            match text {
                Some(text) => base.data.insert(name.to_owned(), text.clone()),
                None => base.data.remove(name),
            };
        }
        Ok(value)
    }

    fn error(&self, error: tower_sessions::session::Error) -> Error {
        match error {
            tower_sessions::session::Error::SerdeJson(error) => Error::Value(error),
            tower_sessions::session::Error::Store(_) => self.unit.state().fault.map_or(Error::Unavailable, Error::from),
        }
    }
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

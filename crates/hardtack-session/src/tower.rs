//! The unit of work as tower-sessions sees it: a `SessionStore` for one request.
//!
//! It turns the difference to the loaded record into [`Changes`]. A `delete` followed by `create` is a rotation after
//! `cycle_id`, and an end and a new beginning after `flush`.

use super::error::{Error, Fault};
use super::id::{IdHash, Secret};
use super::ids::Move;
use super::lifetime::Lifetime;
use super::record::{Changes, Data, Record};
use super::store::Applied;
use super::unit::{Leaving, Place, Unit};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tower_sessions::session::{Id, Record as TowerRecord};
use tower_sessions::session_store::{Error as TowerError, Result as TowerResult, SessionStore};

type Values = HashMap<String, Value>;

impl Unit {
    async fn load_values(&self) -> Result<Option<(IdHash, Values)>, Fault> {
        if let (Some(id), true) = (self.in_doubt(), matches!(self.state().place, Place::Nowhere)) {
            // A doubt is loaded as an empty session with an id, because tower-sessions would forget the id of an absent
            // session.
            return Ok(Some((id, Values::new())));
        }
        if matches!(self.state().place, Place::Leaving(_)) {
            // `cycle_id` never loads after its `delete`, so this `delete` was meant as the end.
            self.end().await?;
            return Ok(None);
        }
        let lent = if self.state().lent { self.live(|id, record| (id, values(record))) } else { None };
        let (id, parsed) = if let Some(lent) = lent {
            lent
        } else {
            let known = self.live_id().is_some();
            let found = self.find().await?;
            if known && found.is_none() {
                // The session has ended during this request, which must not begin another one in its place.
                return Err(self.fail(Fault::Ended));
            }
            let parsed = found.as_ref().map(|(id, record)| (*id, values(record)));
            self.state().place = found.map_or(Place::Nowhere, |(id, record)| Place::Live(id, record));
            let Some(parsed) = parsed else { return Ok(None) };
            parsed
        };
        match parsed {
            Ok(values) => Ok(Some((id, values))),
            Err(error) => {
                tracing::warn!(%error, "a session record could not be read and is treated as absent");
                self.state().place = Place::Nowhere;
                Ok(None)
            }
        }
    }

    /// Commits the values of a session that exists for tower-sessions.
    async fn save_values(&self, values: &Values) -> Result<(), Fault> {
        if matches!(self.state().place, Place::Presented(_)) {
            // `clear` makes a record without loading one, but the difference is to the stored record.
            self.load_values().await?;
        }
        let leaving = match &self.state().place {
            Place::Leaving(leaving) => Some(leaving.record.clone()),
            _ => None,
        };
        if let Some(record) = leaving {
            return self.end_and_begin(record.as_deref(), values).await;
        }
        if values.is_empty() && self.live(|_, record| record.owner.account.is_none()) == Some(true) {
            return self.end_emptied().await;
        }
        let Some(changes) = self.live_changes(values)? else {
            return self.begin_unless_empty(values).await;
        };
        if !changes.values.is_empty() {
            self.apply(&changes).await?;
        }
        Ok(())
    }

    /// Ends a session that this request has emptied. If other requests have put values into it meanwhile, it stays live
    /// with those.
    async fn end_emptied(&self) -> Result<(), Fault> {
        let Some(mut kept) = self.live(|_, record| Arc::clone(record)) else { return Ok(()) };
        let values: BTreeMap<_, _> = kept.data.keys().map(|name| (name.clone(), None)).collect();
        let max_data = self.engine.max_data;
        while kept.data.keys().all(|name| values.contains_key(name)) {
            // A lifetime of zero, at this version only, ends the session in one step, so that the next writer finds no
            // session.
            let over = Lifetime { idle: Duration::ZERO, absolute: Duration::ZERO };
            let if_version = Some(kept.version);
            let changes =
                Changes { values: values.clone(), lifetime: Some(over), if_version, max_data, ..Changes::default() };
            if self.apply(&changes).await? != Applied::Conflict {
                return self.end().await;
            }
            let Some((_, fresh)) = self.find().await? else { return Err(self.fail(Fault::Ended)) };
            kept = fresh;
        }
        self.apply(&Changes { values, max_data, ..Changes::default() }).await.map(drop)
    }

    /// Commits the values of a session that is new for tower-sessions.
    async fn create_values(&self, id: Id, values: &Values) -> Result<(), Fault> {
        let (place, failed) = {
            let state = self.state();
            (state.place.clone(), state.failed)
        };
        match place {
            // `cycle_id` of a doubt is a change of privilege, so the values that were put begin a session.
            Place::Leaving(Leaving { id: old, surely: false, .. })
                if self.in_doubt() == Some(old) && !self.is_presented(id) =>
            {
                self.state().place = Place::Nowhere;
                if failed || self.asked.speculative || values.is_empty() {
                    return Ok(());
                }
                self.begin_anyway(self.texts(values)?).await
            }
            // `flush` empties the record and leaves the old id in it. The old session ends, and another one may begin.
            Place::Leaving(Leaving { id: old, .. }) if old.as_tower_id() == id || self.is_presented(id) => {
                self.end().await?;
                if failed { Ok(()) } else { self.begin_unless_empty(values).await }
            }
            // `cycle_id` sets a new id before it deletes the old one. If the record was emptied as well, a `flush` came
            // after that.
            Place::Leaving(Leaving { id: old, record: Some(record), surely: false })
                if !values.is_empty() || record.data.is_empty() || self.state().next.owner.is_some() =>
            {
                if failed || self.asked.speculative {
                    self.state().place = Place::Live(old, record);
                    return Ok(());
                }
                if self.is_anothers(&record) {
                    return self.rotate(old, record, Move::Exactly(self.texts(values)?)).await;
                }
                let changes = self.changes(&record, values)?;
                self.rotate(old, record, Move::Changes(changes.values)).await
            }
            Place::Leaving(_) if failed => self.end().await,
            Place::Leaving(Leaving { record, .. }) => self.end_and_begin(record.as_deref(), values).await,
            // A second `save` in a row.
            Place::Live(..) => self.save_values(values).await,
            Place::Nowhere | Place::Presented(_) => self.begin_unless_empty(values).await,
        }
    }

    /// Returns whether tower-sessions names the session by the id of the cookie, which is an earlier id after a
    /// renewal.
    fn is_presented(&self, id: Id) -> bool {
        let presented = self.asked.presented.as_ref().map(Secret::hash).or_else(|| self.doubtful());
        presented.is_some_and(|presented| presented.as_tower_id() == id)
    }

    /// Ends a session and begins another one with the new values only, because tower-sessions still holds the old
    /// values after a plain `delete`.
    async fn end_and_begin(&self, record: Option<&Record>, values: &Values) -> Result<(), Fault> {
        let mut fresh = values.clone();
        if let Some(record) = record {
            let changed = self.changes(record, values)?.values;
            fresh.retain(|name, _| changed.contains_key(name));
        }
        self.end().await?;
        self.begin_unless_empty(&fresh).await
    }

    /// Begins a session, unless the request stores nothing and signs no account in (G7).
    async fn begin_unless_empty(&self, values: &Values) -> Result<(), Fault> {
        if values.is_empty() && self.state().next.owner.is_none() {
            return Ok(());
        }
        self.begin(self.texts(values)?).await
    }

    /// Returns the changes of `values` to the live session; `None` if there is none.
    fn live_changes(&self, values: &Values) -> Result<Option<Changes>, Fault> {
        let texts = self.texts(values)?;
        Ok(self.live(|_, record| self.difference(record, values, texts)))
    }

    /// Returns the changes of `values` to the loaded record.
    fn changes(&self, record: &Record, values: &Values) -> Result<Changes, Fault> {
        Ok(self.difference(record, values, self.texts(values)?))
    }

    fn difference(&self, record: &Record, values: &Values, texts: Data) -> Changes {
        let mut changes = Changes { max_data: self.engine.max_data, ..Changes::default() };
        for (name, text) in texts {
            // Equal texts are equal values. Different texts are compared as values, because another version may write a
            // value in another way. (Values alone do not suffice: a float that is read back may differ from the one
            // that was written.)
            let same = record.data.get(&name).is_some_and(|before| {
                *before == text
                    || serde_json::from_str(before).is_ok_and(|before: Value| Some(&before) == values.get(&name))
            });
            if !same {
                changes.values.insert(name, Some(text));
            }
        }
        for name in record.data.keys().filter(|name| !values.contains_key(*name)) {
            changes.values.insert(name.clone(), None);
        }
        changes
    }

    /// Returns the values as JSON texts for the store.
    fn texts(&self, values: &Values) -> Result<Data, Fault> {
        values.iter().map(|(name, value)| Ok((name.clone(), self.text(name, value)?))).collect()
    }
}

#[async_trait]
impl SessionStore for Unit {
    async fn load(&self, _: &Id) -> TowerResult<Option<TowerRecord>> {
        let loaded = self.load_values().await.map_err(backend)?;
        Ok(loaded.map(|(id, data)| TowerRecord {
            id: id.as_tower_id(),
            data,
            // This date is ignored, because only `Lifetime` decides when a session expires.
            expiry_date: cookie::time::OffsetDateTime::UNIX_EPOCH,
        }))
    }

    async fn save(&self, record: &TowerRecord) -> TowerResult<()> {
        self.save_values(&record.data).await.map_err(backend)
    }

    async fn create(&self, record: &mut TowerRecord) -> TowerResult<()> {
        self.create_values(record.id, &record.data).await.map_err(backend)?;
        if let Some(id) = self.live_id() {
            record.id = id.as_tower_id();
        }
        Ok(())
    }

    async fn delete(&self, id: &Id) -> TowerResult<()> {
        let in_doubt = self.in_doubt();
        let mut state = self.state();
        state.place = match std::mem::replace(&mut state.place, Place::Nowhere) {
            Place::Presented(id) => Place::Leaving(Leaving { id, record: None, surely: false }),
            Place::Live(id, record) => Place::Leaving(Leaving { id, record: Some(record), surely: false }),
            // A second `cycle_id` names the id that the first one made up. Any other `delete` means the old session
            // again.
            Place::Leaving(leaving) => {
                let surely = leaving.surely || leaving.id.as_tower_id() == *id || self.is_presented(*id);
                Place::Leaving(Leaving { surely, ..leaving })
            }
            Place::Nowhere => {
                in_doubt.map_or(Place::Nowhere, |id| Place::Leaving(Leaving { id, record: None, surely: false }))
            }
        };
        Ok(())
    }
}

/// Decodes all values of a record.
fn values(record: &Record) -> Result<Values, serde_json::Error> {
    record.data.iter().map(|(name, text)| Ok((name.clone(), serde_json::from_str(text)?))).collect()
}

fn backend(fault: Fault) -> TowerError {
    TowerError::Backend(Error::from(fault).to_string())
}

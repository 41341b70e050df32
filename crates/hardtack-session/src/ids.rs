//! The ids of a request's session: begin, rotation, renewal and end.

use super::clock::{SKEW, Timestamp};
use super::error::Fault;
use super::id::{IdHash, Secret};
use super::record::{Changes, Data, Grace, Record, Rotation, size};
use super::store::Applied;
use super::unit::{Cookie, Leaving, Next, Place, Unit, step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The values of a session that moves to a new id.
pub(super) enum Move {
    /// These values are set or removed. Other writers' changes of other values are kept.
    Changes(BTreeMap<String, Option<String>>),
    /// The session has exactly these values afterwards, because it belonged to another account, and the new owner must
    /// not get that account's values.
    Exactly(Data),
}

impl Move {
    /// Returns the changes to this record. `Exactly` applies to this version of the record only.
    fn changes(&self, record: &Record, max_data: usize) -> Changes {
        match self {
            Self::Changes(values) => Changes { values: values.clone(), max_data, ..Changes::default() },
            Self::Exactly(data) => {
                let removed = record.data.keys().map(|name| (name.clone(), None));
                let set = data.iter().map(|(name, text)| (name.clone(), Some(text.clone())));
                let if_version = Some(record.version);
                Changes { values: removed.chain(set).collect(), if_version, max_data, ..Changes::default() }
            }
        }
    }
}

impl Unit {
    /// Begins a session under a new id, unless the request is speculative or a doubt prevents it.
    pub(super) async fn begin(&self, data: Data) -> Result<(), Fault> {
        if self.is_passed_over().await? { Ok(()) } else { self.begin_anyway(data).await }
    }

    /// Begins a session that is intended, also if the request is in doubt. The sessions that it replaces end just
    /// before.
    pub(super) async fn begin_anyway(&self, data: Data) -> Result<(), Fault> {
        if size(&data) > self.engine.max_data {
            return Err(self.too_large());
        }
        let counted = self.state().next.owner.is_none();
        if counted && !self.may_begin()? {
            return Ok(());
        }
        let begun = self.create(data).await;
        if counted && begun.is_err() {
            self.did_not_begin();
        }
        begun
    }

    async fn create(&self, data: Data) -> Result<(), Fault> {
        let (Next { owner, signed_in, lifetime }, now) = (self.state().next.clone(), self.now());
        let record = Record {
            owner: owner.unwrap_or_default(),
            signed_in: signed_in.unwrap_or(now),
            terms: lifetime.map(|(_, terms)| terms).unwrap_or_default(),
            ..Record::new(data, lifetime.map_or(self.engine.clocks.lifetime, |(lifetime, _)| lifetime), now)
        };
        let secret = self.new_secret()?;
        self.end_before_another().await?;
        // 256 random bits do not collide. If the source is broken, this fails, so that no client gets the session of
        // another one.
        if !self.ask(self.engine.store.create(&secret.hash(), &record)).await? {
            tracing::error!("a new session id was in use already: the system's random numbers are broken");
            return Err(self.fail(Fault::Random));
        }
        self.give(secret, record);
        Ok(())
    }

    /// Returns whether the account that signs in takes the session over from another account.
    pub(super) fn is_anothers(&self, record: &Record) -> bool {
        let state = self.state();
        let next = state.next.owner.as_ref();
        record.owner.account.is_some() && next.is_some_and(|next| next.account != record.owner.account)
    }

    /// Moves the session of `old` to a new id, with its values and the pending changes.
    pub(super) async fn rotate(&self, mut old: IdHash, mut record: Arc<Record>, what: Move) -> Result<(), Fault> {
        self.complain_when_late();
        let Next { owner, signed_in, lifetime } = self.state().next.clone();
        let secret = self.new_secret()?;
        loop {
            let now = self.now();
            let mut changes = what.changes(&record, self.engine.max_data);
            (changes.lifetime, changes.terms) = lifetime.unzip();
            // The grace period has a margin because another node's clock may be ahead. It does no harm, because a
            // recognised id gives no access.
            let grace = Grace::Recognised(now + self.engine.clocks.rotation_grace + SKEW);
            let rotation = Rotation { to: secret.hash(), changes, owner: owner.clone(), signed_in, grace };
            let applied = self.ask(self.engine.store.rotate(&old, &rotation, now)).await?;
            match applied {
                Applied::Done(version) => {
                    self.moved(secret, record, rotation, version, now);
                    return Ok(());
                }
                // Another request may have renewed the id or written a moment ago, so this tries again with the new
                // record.
                Applied::Gone | Applied::Conflict => match self.find().await? {
                    Some((live, fresh)) if live != old || applied == Applied::Conflict => (old, record) = (live, fresh),
                    _ => return Err(self.fail(Fault::Ended)),
                },
                Applied::TooLarge => return Err(self.too_large()),
            }
        }
    }

    /// Gives the session a new id if it has had its present one for `renew_every`. The old id still leads to the
    /// session during the grace period, so nothing is lost if another request was faster or has ended the session.
    ///
    /// Returns whether the session needs no touch any more.
    pub(super) async fn renew(&self) -> Result<bool, Fault> {
        let Some(every) = self.engine.clocks.renew_every else { return Ok(false) };
        let now = self.now();
        let due = {
            let state = self.state();
            match &state.place {
                Place::Live(id, record) if now - record.renewed >= every => Some((*id, Arc::clone(record))),
                _ => None,
            }
            .filter(|_| !(self.asked.speculative || state.sent || state.failed) && matches!(state.cookie, Cookie::Keep))
        };
        let Some((old, record)) = due else { return Ok(false) };
        let secret = self.new_secret()?;
        let changes = Changes { max_data: usize::MAX, ..Changes::default() };
        let grace = Grace::Reaches(now + self.engine.clocks.rotation_grace);
        let rotation = Rotation { to: secret.hash(), changes, owner: None, signed_in: None, grace };
        let Applied::Done(version) = self.ask(self.engine.store.rotate(&old, &rotation, now)).await? else {
            return Ok(true);
        };
        self.moved(secret, record, rotation, version, now);
        Ok(true)
    }

    /// Updates the request's record after a rotation.
    fn moved(&self, secret: Secret, record: Arc<Record>, rotation: Rotation, version: u64, now: Timestamp) {
        let mut record = Arc::unwrap_or_clone(record);
        step(&mut record, &rotation.changes, version);
        record.owner = rotation.owner.unwrap_or(record.owner);
        if let Some(signed_in) = rotation.signed_in {
            (record.created, record.signed_in) = (now, signed_in);
        }
        record.renewed = record.renewed.max(now);
        record.seen = record.seen.max(now);
        self.give(secret, record);
    }

    /// Returns why a live session is gone: it has ended, or another request has rotated its id.
    pub(super) async fn gone(&self) -> Fault {
        match self.find().await {
            Err(fault) => fault,
            Ok(_) => self.fail(Fault::Ended),
        }
    }

    /// Ends the session at once, even if another request has just renewed its id.
    pub(super) async fn end(&self) -> Result<(), Fault> {
        if self.asked.speculative {
            return Ok(());
        }
        // The state stays `Leaving` until the store confirms, so that the end is completed if this request is abandoned
        // here.
        let place = std::mem::replace(&mut self.state().place, Place::Nowhere);
        let leaving = |id| Place::Leaving(Leaving { id, record: None, surely: true });
        let (id, known) = match place {
            Place::Nowhere => return self.end_in_doubt().await,
            Place::Leaving(Leaving { id, .. }) if self.in_doubt() == Some(id) => return self.end_in_doubt().await,
            Place::Live(id, _) | Place::Leaving(Leaving { id, record: Some(_), .. }) => (id, true),
            Place::Presented(id) | Place::Leaving(Leaving { id, .. }) => (id, false),
        };
        self.state().place = leaving(id);
        let mut next = if known { Some(id) } else { self.to_end(&id).await? };
        while let Some(id) = next {
            self.state().place = leaving(id);
            let ended = self.ask(self.engine.store.end(&id)).await?;
            next = if ended { None } else { self.to_end(&id).await? };
        }
        let mut state = self.state();
        state.place = Place::Nowhere;
        state.cookie = Cookie::Take;
        Ok(())
    }

    fn give(&self, secret: Secret, record: Record) {
        let mut state = self.state();
        state.place = Place::Live(secret.hash(), Arc::new(record));
        state.cookie = Cookie::Give(secret);
        state.marked = true;
        state.settled = true;
        state.next.lifetime = None;
    }

    fn new_secret(&self) -> Result<Secret, Fault> {
        if self.state().sent {
            tracing::error!("a session cannot begin after the response head was sent; its values are lost");
            return Err(self.fail(Fault::TooLate));
        }
        Secret::generate().map_err(|error| {
            tracing::error!(%error, "the system has no random numbers, so no session can begin");
            self.fail(Fault::Random)
        })
    }
}

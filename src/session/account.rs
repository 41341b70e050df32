//! The sessions of the account that is signed in here: listed and ended, by their public handles.

use super::error::Error;
use super::handle::{Facts, Session};
use super::id::Handle;
use super::store::{After, BATCH, Listed, Order};

/// A part of the sessions of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfAccount {
    /// The sessions.
    pub sessions: Vec<Listed>,
    /// Where the next part begins; `None` when there is none.
    pub next: Option<After>,
}

impl Session {
    /// Live sessions of the account that is signed in here, about `limit` of them: this one first, then the one used last
    /// first. `after` is where the last part ended; without it this is the first one.
    ///
    /// What is used between two calls moves to the front, and so may be in none of the parts.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached. Where nobody is signed in there are none.
    pub async fn of_account(&self, after: Option<After>, limit: u32) -> Result<OfAccount, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(OfAccount::default()) };
        let (unit, limit) = (&self.unit, limit.max(1));
        let (now, bounds) = (unit.now(), unit.engine.bounds());
        // One more than asked for, to know whether there are more.
        let list = unit.engine.store.list(&account, Order::Used(after), limit.saturating_add(1), now);
        let mut listed = unit.ask(list).await?;
        let more = listed.len() > limit as usize;
        listed.truncate(limit as usize);
        let next = listed.last().filter(|_| more).map(Listed::place);
        let first = if after.is_none() { unit.live(|_, record| Listed::from(&**record)) } else { None };
        let others = listed.into_iter().filter(|listed| listed.handle != own);
        let sessions = first.into_iter().chain(others.filter_map(|listed| listed.within(&bounds, now))).collect();
        Ok(OfAccount { sessions, next })
    }

    /// Ends one session of the account that is signed in here, be it this one. `false` when it has none of that handle:
    /// it may be another account's, or nobody's.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn end_of_account(&self, handle: &Handle) -> Result<bool, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(false) };
        if own == *handle {
            self.end().await?;
            return Ok(true);
        }
        let unit = &self.unit;
        Ok(unit.ask(unit.engine.store.end_by_handle(Some(&account), handle)).await?)
    }

    /// Ends the other sessions of the account that is signed in here, all that it has by now, and says how many.
    ///
    /// In steps, each of which has the patience of a request, because there may be any number of them.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update); after [`Error::Unavailable`] some have ended, and it is unknown whether all have. Where
    /// nobody is signed in there are none.
    pub async fn end_others(&self) -> Result<u64, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(0) };
        let unit = &self.unit;
        let (mut ended, mut cursor) = (0, None);
        loop {
            let step = unit.engine.store.end_some(&account, Some(&own), cursor.as_deref(), BATCH);
            let step = unit.ask_each(step).await?;
            ended += step.sessions;
            match step.next {
                None => return Ok(ended),
                next => cursor = next,
            }
        }
    }

    /// Whose this session is, and its handle.
    async fn owned(&self) -> Result<Option<(String, Handle)>, Error> {
        let facts = self.facts().await?;
        Ok(facts.and_then(|Facts { owner, handle, .. }| Some((owner.account?, handle))))
    }
}

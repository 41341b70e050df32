//! The sessions of the signed-in account: their list, and their end by public handle.

use super::error::Error;
use super::handle::{Facts, Session};
use super::id::Handle;
use super::store::{After, BATCH, Listed, Order};

/// A page of the sessions of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfAccount {
    /// The sessions.
    pub sessions: Vec<Listed>,
    /// The start of the next page; `None` when there is none.
    pub next: Option<After>,
}

impl Session {
    /// Returns live sessions of the account that is signed in here, about `limit` of them: this session first, then the
    /// others in the order of their last use, the latest first. `after` is [`OfAccount::next`] of the page before;
    /// without it this is the first page.
    ///
    /// A session that is used between two calls moves to the front, and so may be on none of the pages.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached. If no account is signed in, the list is empty.
    pub async fn of_account(&self, after: Option<After>, limit: u32) -> Result<OfAccount, Error> {
        let Some((account, own)) = self.owned().await? else { return Ok(OfAccount::default()) };
        let (unit, limit) = (&self.unit, limit.max(1));
        let (now, bounds) = (unit.now(), unit.engine.bounds());
        // One more than the limit is loaded, to find out whether there are more.
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

    /// Ends one session of the account that is signed in here, which may be this one. Returns `false` if the account
    /// has no session with this handle: it may be another account's session, or none.
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

    /// Ends all other sessions that the account signed in here has by now, and returns their number.
    ///
    /// It makes several store calls, each with the whole timeout of a request, because there may be any number of
    /// sessions.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update). After [`Error::Unavailable`] some sessions have ended, and it is unknown whether
    /// all have. If no account is signed in, there are none to end.
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

    /// Returns the account of this session and its handle, if an account is signed in.
    async fn owned(&self) -> Result<Option<(String, Handle)>, Error> {
        let facts = self.facts().await?;
        Ok(facts.and_then(|Facts { owner, handle, .. }| Some((owner.account?, handle))))
    }
}

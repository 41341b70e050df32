//! Whose a session is, and how long it may live: the steps that a sign-in takes.

use super::clock::{Timestamp, millis};
use super::engine::PerAccount;
use super::error::{Error, Fault};
use super::handle::Session;
use super::id::Handle;
use super::lifetime::{Lifetime, Terms};
use super::record::{Changes, Owner};
use super::store::{BATCH, Order};
use super::unit::{Next, Unit};
use std::time::Duration;

/// How many sessions an account gets rid of at a sign-in, of those that are merely unused.
const SPARSE: u32 = 100;
/// Nothing that was used so recently ends for being too much, unless the limit is an exact one.
const IN_USE: Duration = Duration::from_secs(60);

impl Session {
    /// Signs an account in: the session has an owner and a new id at once, and keeps its values.
    ///
    /// In one step: whatever happens to this request, the session lives under its old id with nobody signed in, or under
    /// its new one with the owner. The old id may have been planted and is dead from this moment on. Where there is no
    /// session, one begins. With a limit of sessions per account, those beyond it end before this returns.
    ///
    /// Both clocks begin anew, so a sign-in never ends because its browser has been here for long. Over the session of another
    /// account the values are those that this request sees and no others: [`clear`](tower_sessions::Session::clear) it first.
    ///
    /// `lifetime` is this session's own from now on ("keep me signed in"); `None` keeps the one that it has, and the engine's
    /// own ([`Clocks::lifetime`](super::Clocks)) makes it a session like any other. When its absolute timeout is longer than the
    /// engine's, the browser keeps the cookie when it closes, whatever [`CookieSettings::persistent`](super::CookieSettings) says of the
    /// others.
    ///
    /// Source: ASVS 5.0, 7.2.4.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update). [`Error::Unavailable`] may come after the fact: whether the account is signed in
    /// is then unknown, and the old id may be dead. [`Error::Ended`] also when other sign-ins at the same moment have left no
    /// room for this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack::session::{Error, Owner, Session};
    ///
    /// async fn welcome(session: Session) -> Result<(), Error> {
    ///     let owner = Owner { account: Some("ada".to_owned()), device: None };
    ///     session.sign_in(owner, None).await
    /// }
    /// ```
    pub async fn sign_in(&self, owner: Owner, lifetime: Option<Lifetime>) -> Result<(), Error> {
        let lifetime = lifetime.map(|lifetime| lifetime.at_most(Lifetime::LONGEST));
        self.sign_in_for(owner, lifetime.map(|lifetime| (lifetime, self.unit.engine.terms(lifetime)))).await
    }

    /// Signs an account in as [`sign_in`](Session::sign_in) does, and has the browser keep the cookie when it closes ("keep me
    /// signed in"), however long `lifetime` is.
    ///
    /// # Errors
    ///
    /// As [`sign_in`](Session::sign_in).
    pub async fn sign_in_kept(&self, owner: Owner, lifetime: Lifetime) -> Result<(), Error> {
        self.sign_in_for(owner, Some((lifetime.at_most(Lifetime::LONGEST), Terms::Kept))).await
    }

    async fn sign_in_for(&self, owner: Owner, lifetime: Option<(Lifetime, Terms)>) -> Result<(), Error> {
        let exists = self.facts().await?.is_some();
        let account = owner.account.clone();
        let signed_in = self.unit.order(account.as_deref()).await?;
        {
            let _signing = Signing::begin(&self.unit, owner, signed_in, lifetime);
            if exists { self.rotate().await } else { self.commit().await }?;
        }
        match account {
            Some(account) => Ok(self.unit.keep_to_limit(&account).await?),
            None => Ok(()),
        }
    }

    /// Gives this session clocks of its own, counted from its creation or sign-in; committed at once.
    ///
    /// Where there is no session yet, the one that begins in this request has them.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn set_lifetime(&self, lifetime: Lifetime) -> Result<(), Error> {
        let lifetime = lifetime.at_most(Lifetime::LONGEST);
        let (terms, max_data) = (self.unit.engine.terms(lifetime), self.unit.engine.max_data);
        if self.facts().await?.is_none() {
            self.unit.state().next.lifetime = Some((lifetime, terms));
            return Ok(());
        }
        let changes = Changes { lifetime: Some(lifetime), terms: Some(terms), max_data, ..Changes::default() };
        self.unit.apply(&changes).await?;
        Ok(())
    }
}

impl Unit {
    /// The order of a sign-in among those of its account: later than all that went before, by whatever clock.
    ///
    /// Of two at the same moment neither sees the other. They may be equal then, and the handles decide.
    async fn order(&self, account: Option<&str>) -> Result<Timestamp, Fault> {
        let now = self.now();
        let (Some(account), PerAccount::Exactly(_)) = (account, self.engine.per_account) else { return Ok(now) };
        let last = self.ask(self.engine.store.list(account, Order::SignedIn, 1, now)).await?;
        Ok(last.first().map_or(now, |last| now.max(Timestamp(last.signed_in.0.saturating_add(1)))))
    }

    /// Ends what an account has too many of.
    async fn keep_to_limit(&self, account: &str) -> Result<(), Fault> {
        let Some(own) = self.live(|_, record| record.handle).filter(|_| !self.asked.speculative) else { return Ok(()) };
        match self.engine.per_account {
            PerAccount::Any => Ok(()),
            PerAccount::Exactly(limit) => self.keep_exactly(account, &own, limit.get()).await,
            PerAccount::Unused(limit) => self.end_unused(account, &own, limit.get()).await,
        }
    }

    /// Each of many sign-ins at once looks after its own session is listed, and all agree on the order: whichever looks
    /// last sees them all, and exactly the limit remains. By the moments of use they would not agree, and whoever uses a
    /// stolen session most would keep it.
    async fn keep_exactly(&self, account: &str, own: &Handle, limit: u32) -> Result<(), Fault> {
        let (store, bounds) = (&self.engine.store, self.engine.bounds());
        loop {
            let now = self.now();
            let most = limit.saturating_add(BATCH);
            let listed = self.ask_each(store.list(account, Order::SignedIn, most, now)).await?;
            let all = listed.len() < most as usize;
            let (live, over): (Vec<_>, Vec<_>) =
                listed.into_iter().partition(|listed| listed.clone().within(&bounds, now).is_some());
            let (kept, surplus) = live.split_at(live.len().min(limit as usize));
            let surplus: Vec<_> = surplus.iter().chain(&over).map(|listed| listed.handle).collect();
            if !surplus.is_empty() {
                told(account, &self.ask_each(store.end_those(account, &surplus, None)).await?);
            }
            if !kept.iter().any(|listed| listed.handle == *own) {
                tracing::info!(account, handle = %own, "a sign-in found no room beside others at the same moment");
                return Err(self.fail(Fault::Ended));
            }
            if all {
                return Ok(());
            }
        }
    }

    /// A part of what is too much, at each sign-in: a limit against sessions that pile up need not be exact at once.
    async fn end_unused(&self, account: &str, own: &Handle, limit: u32) -> Result<(), Fault> {
        let store = &self.engine.store;
        let most = limit.saturating_add(SPARSE);
        let mut listed = self.ask(store.list(account, Order::Unused, most, self.now())).await?;
        // `seen` is written down no more often than that.
        let in_use = IN_USE + self.engine.clocks.touch_every;
        let unused_since = Timestamp(self.now().0.saturating_sub(millis(in_use)));
        listed.truncate(listed.len().saturating_sub(limit as usize));
        listed.retain(|listed| listed.handle != *own && listed.seen <= unused_since);
        if !listed.is_empty() {
            let surplus: Vec<_> = listed.iter().map(|listed| listed.handle).collect();
            told(account, &self.ask(store.end_those(account, &surplus, Some(unused_since))).await?);
        }
        Ok(())
    }
}

fn told(account: &str, ended: &[Handle]) {
    for handle in ended {
        tracing::info!(account, %handle, "a session has ended because its account had too many");
    }
}

/// What a sign-in brings, for as long as it lasts: one that is abandoned is not finished later.
struct Signing<'a> {
    unit: &'a Unit,
    before: Option<(Lifetime, Terms)>,
}

impl<'a> Signing<'a> {
    fn begin(unit: &'a Unit, owner: Owner, signed_in: Timestamp, lifetime: Option<(Lifetime, Terms)>) -> Self {
        let next = &mut unit.state().next;
        let before = next.lifetime;
        *next = Next { owner: Some(owner), signed_in: Some(signed_in), lifetime: lifetime.or(before) };
        Self { unit, before }
    }
}

impl Drop for Signing<'_> {
    fn drop(&mut self) {
        let next = &mut self.unit.state().next;
        (next.owner, next.signed_in) = (None, None);
        // Unless the session has it by now.
        next.lifetime = next.lifetime.and(self.before);
    }
}

//! The steps of a sign-in: the owner of a session, its lifetime, and the limit on the sessions of an account.

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

/// The most unused sessions of an account that end at one sign-in.
const SPARSE: u32 = 100;
/// A session that was used within this time does not end because of the limit, unless the limit is exact.
const IN_USE: Duration = Duration::from_secs(60);

impl Session {
    /// Signs an account in: the session gets an owner and a new id at once, and keeps its values.
    ///
    /// This is one step. Whatever happens to the request, the session is live under its old id as it was, or under its
    /// new id with the owner. The old id is rejected from this moment on, because it may have been planted. If there is
    /// no session, one begins. With a limit of sessions per account, those beyond it end before this returns.
    ///
    /// Both timeouts start anew, so that a long visit before the sign-in does not shorten the session. If another
    /// account is signed in, the session keeps exactly the values that this request sees:
    /// [`clear`](tower_sessions::Session::clear) it first.
    ///
    /// `lifetime` becomes the session's own lifetime ("keep me signed in"). `None` keeps the present one, and the
    /// engine's own ([`Clocks::lifetime`](super::Clocks)) makes the session one like any other. If its absolute timeout
    /// is longer than the engine's, the browser keeps the cookie when it closes, even without
    /// [`CookieSettings::persistent`](super::CookieSettings).
    ///
    /// Source: ASVS 5.0, 7.2.4.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update). After [`Error::Unavailable`] it is unknown whether the account is signed in, and
    /// the old id may be rejected. [`Error::Ended`] also when other sign-ins at the same moment have left no room for
    /// this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardtack_session::{Error, Owner, Session};
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

    /// Signs an account in as [`sign_in`](Session::sign_in) does, and lets the browser keep the cookie when it closes
    /// ("keep me signed in"), however long `lifetime` is.
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

    /// Gives this session timeouts of its own, committed at once. The absolute timeout counts from the creation or the
    /// sign-in.
    ///
    /// If there is no session yet, the session that begins in this request gets them.
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
    /// Returns the place of a sign-in in the order of its account's sign-ins: after all earlier ones, whatever the
    /// nodes' clocks say.
    ///
    /// Of two sign-ins at the same moment neither sees the other. Their places may be equal, and then the handles
    /// decide.
    async fn order(&self, account: Option<&str>) -> Result<Timestamp, Fault> {
        let now = self.now();
        let (Some(account), PerAccount::Exactly(_)) = (account, self.engine.per_account) else { return Ok(now) };
        let last = self.ask(self.engine.store.list(account, Order::SignedIn, 1, now)).await?;
        Ok(last.first().map_or(now, |last| now.max(Timestamp(last.signed_in.0.saturating_add(1)))))
    }

    /// Ends the sessions of an account beyond its limit.
    async fn keep_to_limit(&self, account: &str) -> Result<(), Fault> {
        let Some(own) = self.live(|_, record| record.handle).filter(|_| !self.asked.speculative) else { return Ok(()) };
        match self.engine.per_account {
            PerAccount::Any => Ok(()),
            PerAccount::Exactly(limit) => self.keep_exactly(account, &own, limit.get()).await,
            PerAccount::Unused(limit) => self.end_unused(account, &own, limit.get()).await,
        }
    }

    /// Ends all sessions beyond an exact limit.
    ///
    /// Each of many sign-ins at once does this after its own session is listed, and all agree on the order. So the last
    /// one sees all sessions, and exactly the limit remains. The order is not that of the last use, because they would
    /// not agree on it, and because the heaviest user of a stolen session would keep it.
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
                tracing::info!(account, handle = %own, "a sign-in failed: concurrent ones reached the session limit");
                return Err(self.fail(Fault::Ended));
            }
            if all {
                return Ok(());
            }
        }
    }

    /// Ends some of the unused sessions beyond the limit at each sign-in. A limit against sessions that pile up need
    /// not be exact at once.
    async fn end_unused(&self, account: &str, own: &Handle, limit: u32) -> Result<(), Fault> {
        let store = &self.engine.store;
        let most = limit.saturating_add(SPARSE);
        let mut listed = self.ask(store.list(account, Order::Unused, most, self.now())).await?;
        // `seen` is written at most once in each `touch_every`.
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
        tracing::info!(account, %handle, "a session was ended because its account had too many sessions");
    }
}

/// A guard that keeps the owner and the lifetime of a sign-in while it runs, so that an abandoned sign-in is not
/// completed later.
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
        // The earlier lifetime comes back, unless the session has got the new one by now.
        next.lifetime = next.lifetime.and(self.before);
    }
}

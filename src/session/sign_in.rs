//! Whose a session is, and how long it may live: the steps that a sign-in takes.

use super::error::{Error, Fault};
use super::handle::Session;
use super::lifetime::Lifetime;
use super::record::{Changes, Owner};
use super::unit::{Next, Unit};

impl Session {
    /// Signs an account in: the session has an owner and a new id at once, and keeps its values.
    ///
    /// In one step: whatever happens to this request, the session lives under its old id with nobody signed in, or under
    /// its new one with the owner. The old id may have been planted and is dead from this moment on. Where there is no
    /// session, one begins. With a limit of sessions per account, those beyond it end before this returns.
    ///
    /// `lifetime` is this session's own from now on, counted from its first creation ("keep me signed in"); `None` keeps
    /// the one that it has. A session whose absolute lifetime is longer than the engine's has a cookie that the browser
    /// keeps when it closes, whatever [`CookieSettings::persistent`](super::CookieSettings) says of the others.
    ///
    /// Source: ASVS 5.0, 7.2.4.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update). [`Error::Unavailable`] may come after the fact: whether the account is signed in
    /// is then unknown, and the old id may be dead.
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
        let exists = self.facts().await?.is_some();
        let account = owner.account.clone();
        let lifetime = lifetime.map(|lifetime| lifetime.at_most(Lifetime::LONGEST));
        {
            let _signing = Signing::begin(&self.unit, owner, lifetime);
            if exists { self.rotate().await } else { self.commit().await }?;
        }
        match account {
            Some(account) => Ok(self.keep_to_limit(&account).await?),
            None => Ok(()),
        }
    }

    /// Gives this session clocks of its own, counted from its first creation; committed at once.
    ///
    /// Where there is no session yet, the one that begins in this request has them.
    ///
    /// # Errors
    ///
    /// As [`update`](Session::update).
    pub async fn set_lifetime(&self, lifetime: Lifetime) -> Result<(), Error> {
        let lifetime = lifetime.at_most(Lifetime::LONGEST);
        if self.facts().await?.is_none() {
            self.unit.state().next.lifetime = Some(lifetime);
            return Ok(());
        }
        let changes = Changes { lifetime: Some(lifetime), max_data: self.unit.engine.max_data, ..Changes::default() };
        self.unit.apply(&changes).await?;
        Ok(())
    }

    /// Ends what an account has too many of.
    ///
    /// Each of many sign-ins at once looks after its own session is listed, and all agree on the order: whoever looks
    /// last sees them all, and exactly the limit remains.
    async fn keep_to_limit(&self, account: &str) -> Result<(), Fault> {
        let unit = &self.unit;
        let Some(limit) = unit.engine.per_account.filter(|_| !unit.asked.speculative) else { return Ok(()) };
        let store = &unit.engine.store;
        let sessions = unit.ask(store.list(account, unit.now())).await?;
        for surplus in sessions.iter().skip(limit.get() as usize) {
            unit.ask(store.end_by_handle(Some(account), &surplus.handle)).await?;
        }
        Ok(())
    }
}

/// What a sign-in brings, for as long as it lasts: one that is abandoned is not finished later.
struct Signing<'a> {
    unit: &'a Unit,
    before: Option<Lifetime>,
}

impl<'a> Signing<'a> {
    fn begin(unit: &'a Unit, owner: Owner, lifetime: Option<Lifetime>) -> Self {
        let next = &mut unit.state().next;
        let before = next.lifetime;
        *next = Next { owner: Some(owner), lifetime: lifetime.or(before) };
        Self { unit, before }
    }
}

impl Drop for Signing<'_> {
    fn drop(&mut self) {
        let next = &mut self.unit.state().next;
        next.owner = None;
        // Unless the session has it by now.
        next.lifetime = next.lifetime.and(self.before);
    }
}

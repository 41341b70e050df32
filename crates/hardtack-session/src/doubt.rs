//! Requests that leave it in doubt which session they belong to: with two session cookies, with one that no key here
//! signed, or with one that the browser withholds.
//!
//! Such a request counts as one without a session. But unlike a request without a cookie, its browser may hold a
//! session, which must not be lost by accident.
//!
//! * Reading: there is no session.
//! * A sign-in always works. The sessions of two cookies that a key here signed end before it, because the browser
//!   loses them.
//! * Another beginning, by a safe method: nothing is stored, as in a prefetch. With one cookie of another key this is
//!   so only if the session of that cookie is live.
//! * Another beginning, by another method: it is refused, so that the client retries. With one cookie of another key a
//!   session begins.
//! * An end: it ends each session whose cookie a key here signed. It fails if a session may be live that this server
//!   must not end.
//!
//! Source: RFC 6265bis, 8.6 (weak integrity) and 4.2.2 (the order of cookies proves nothing).

use super::error::Fault;
use super::id::IdHash;
use super::store::{Loaded, StoreError};
use super::unit::{Cookie, Leaving, Place, Unit};

/// The reason of a doubt.
#[derive(Debug)]
pub(super) enum Doubt {
    /// A link from another site led here, and the cookie is `SameSite=Strict`: the browser may hold one that it does
    /// not send.
    Withheld,
    /// One value of the right format, which no key here signed.
    OtherKey {
        /// The id of the doubt for tower-sessions. No store knows it.
        name: IdHash,
        id: IdHash,
    },
    /// One value of another format. There is no session behind it.
    Foreign,
    /// Values that differ.
    Several {
        /// The id of the doubt for tower-sessions.
        name: IdHash,
        /// The ids in values that a key here signed.
        own: Vec<IdHash>,
        /// The ids in values of the right format that no key here signed.
        strange: Vec<IdHash>,
        /// There were so many values that not all of them were examined.
        more: bool,
    },
}

impl Doubt {
    /// Returns whether a cookie came.
    pub(super) const fn is_a_cookie(&self) -> bool {
        !matches!(self, Self::Withheld)
    }
}

/// The result of ending several sessions.
#[derive(PartialEq, Eq)]
enum Ended {
    /// None of them is live.
    All,
    /// One is live under an id that is on its way to the browser.
    Moved,
}

impl Unit {
    /// Returns whether a session may be behind the request.
    pub(super) fn may_have_a_session(&self) -> bool {
        self.asked.presented.is_some() || matches!(&self.asked.doubt, Some(doubt) if !matches!(doubt, Doubt::Foreign))
    }

    /// Returns the id under which tower-sessions holds the doubt, until the doubt is settled.
    pub(super) fn in_doubt(&self) -> Option<IdHash> {
        self.doubtful().filter(|_| !self.state().settled)
    }

    /// Returns the same id, also when the doubt is settled.
    pub(super) const fn doubtful(&self) -> Option<IdHash> {
        match &self.asked.doubt {
            Some(Doubt::OtherKey { name, .. } | Doubt::Several { name, .. }) => Some(*name),
            Some(Doubt::Withheld | Doubt::Foreign) | None => None,
        }
    }

    /// Returns whether a session that would begin now is not stored, although the handler goes on as if it were.
    pub(super) fn keeps_nothing(&self) -> bool {
        let passes = matches!(self.asked.doubt, Some(Doubt::Withheld | Doubt::Several { .. })) && self.asked.safe;
        self.asked.speculative || (passes && !self.state().settled)
    }

    /// Returns whether a session that is about to begin is not stored.
    ///
    /// A sign-in is intended, so its session begins in spite of a doubt.
    pub(super) async fn is_passed_over(&self) -> Result<bool, Fault> {
        let meant = {
            let state = self.state();
            state.settled || state.next.owner.is_some()
        };
        match &self.asked.doubt {
            _ if self.asked.speculative => Ok(true),
            _ if meant => Ok(false),
            Some(Doubt::Withheld | Doubt::Several { .. }) if self.asked.safe => Ok(true),
            // The client wants to change something, and must not get a success for a change that is not stored.
            Some(Doubt::Withheld | Doubt::Several { .. }) => Err(self.fail(Fault::Doubtful)),
            // A removed key must not lock clients out. They get a new session when the old one has expired, or with
            // their first unsafe request.
            Some(Doubt::OtherKey { id, .. }) if self.asked.safe => self.lives(id).await,
            Some(Doubt::OtherKey { .. } | Doubt::Foreign) | None => Ok(false),
        }
    }

    /// Ends the sessions of two cookies, because another session is to begin in their place.
    pub(super) async fn end_before_another(&self) -> Result<(), Fault> {
        if self.state().settled {
            return Ok(());
        }
        if let Some(Doubt::Several { own, .. }) = &self.asked.doubt {
            self.end_each(own).await?;
        }
        self.state().settled = true;
        Ok(())
    }

    /// Ends the sessions in doubt, or fails if it cannot end them.
    pub(super) async fn end_in_doubt(&self) -> Result<(), Fault> {
        let Some(doubt) = self.asked.doubt.as_ref().filter(|_| !self.state().settled) else { return Ok(()) };
        // The state stays `Leaving` until all is done, so that the end is completed if this request is abandoned here.
        if let Some(id) = self.doubtful() {
            self.state().place = Place::Leaving(Leaving { id, record: None, surely: true });
        }
        let (own, strange, mut lives): (&[_], &[_], _) = match doubt {
            Doubt::Withheld => return Err(self.fail(Fault::Doubtful)),
            Doubt::Foreign => (&[], &[], false),
            Doubt::OtherKey { id, .. } => (&[], std::slice::from_ref(id), false),
            Doubt::Several { own, strange, more, .. } => (own, strange, *more),
        };
        if self.end_each(own).await? == Ended::Moved {
            return Err(self.fail(Fault::Rotated));
        }
        for id in strange {
            lives = lives || self.lives(id).await?;
        }
        if lives {
            tracing::error!("a session was not ended: no key of this server signed its cookie");
            return Err(self.fail(Fault::Doubtful));
        }
        let mut state = self.state();
        state.place = Place::Nowhere;
        state.cookie = Cookie::Take;
        state.settled = true;
        Ok(())
    }

    async fn end_each(&self, ids: &[IdHash]) -> Result<Ended, Fault> {
        let (mut ended, mut moved) = (false, false);
        for id in ids {
            let mut found = self.behind(id).await?;
            while let Behind::Session(live) = found {
                ended = true;
                if self.ask(self.engine.store.end(&live)).await? {
                    break;
                }
                // Another request has just renewed the id, or ended the session.
                found = self.behind(id).await?;
                if matches!(found, Behind::Session(next) if next == live) {
                    // The session can neither be read nor be ended by this id.
                    return Err(self.fail(Fault::Unavailable));
                }
            }
            moved = moved || matches!(found, Behind::Moved);
        }
        Ok(if moved && !ended { Ended::Moved } else { Ended::All })
    }

    /// Returns whether a session is live under an id, or under one that replaced it a moment ago.
    async fn lives(&self, id: &IdHash) -> Result<bool, Fault> {
        Ok(!matches!(self.behind(id).await?, Behind::Nothing))
    }

    /// Returns the id of the session that is to end. [`Fault::Rotated`] when the session is live under an id with which
    /// the browser must retry.
    pub(super) async fn to_end(&self, id: &IdHash) -> Result<Option<IdHash>, Fault> {
        match self.behind(id).await? {
            Behind::Session(id) => Ok(Some(id)),
            Behind::Moved => Err(self.fail(Fault::Rotated)),
            Behind::Nothing => Ok(None),
        }
    }

    /// Finds the session behind an id. A record that this process cannot read counts as a session, because another
    /// version may be able to read it.
    async fn behind(&self, id: &IdHash) -> Result<Behind, Fault> {
        let now = self.now();
        let look = async {
            match self.engine.store.load(id, now).await {
                Ok(Loaded::Live(id, _)) => Ok(Behind::Session(id)),
                Ok(Loaded::Retired) => Ok(Behind::Moved),
                Ok(Loaded::Absent) => Ok(Behind::Nothing),
                Err(StoreError::Corrupt(error)) => {
                    tracing::warn!(%error, "a session record could not be read");
                    Ok(Behind::Session(*id))
                }
                Err(error) => Err(error),
            }
        };
        self.ask(look).await
    }
}

/// The session behind an id.
enum Behind {
    /// A session that is live under this id.
    Session(IdHash),
    /// A session that got another id a moment ago.
    Moved,
    Nothing,
}

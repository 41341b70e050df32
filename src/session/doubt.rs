//! Requests of which it is in doubt whose they are: with two session cookies, with one that no key here signed, or with
//! one that the browser keeps back.
//!
//! Each counts as nobody's. What sets it apart from a request without a cookie: the browser may hold a session, which is
//! not to be lost by the way.
//!
//! | step | what becomes of it |
//! |---|---|
//! | reading | there is no session |
//! | a sign-in | always works. Sessions of the two cookies that are ours end before it, because the browser loses them |
//! | another beginning, by a safe method | is passed over, as in a prefetch |
//! | another beginning, by another method | two cookies: refused, come again. One of another key: a session begins |
//! | an end | ends each session of which the cookie is ours. Where one lives that this server must not end, it says so |
//!
//! Source: RFC 6265bis, 8.6 (weak integrity) and 4.2.2 (the order of cookies proves nothing).

use super::error::Fault;
use super::id::IdHash;
use super::store::{Loaded, StoreError};
use super::unit::{Cookie, Leaving, Place, Unit};

/// Why it is in doubt.
#[derive(Debug)]
pub(super) enum Doubt {
    /// Another site led here, and the cookie is `SameSite=Strict`: the browser may hold one that it does not send.
    Withheld,
    /// One value that is made as ours are, and no key here signed it.
    OtherKey {
        /// What tower-sessions is told in the place of an id. No store knows it.
        name: IdHash,
        id: IdHash,
    },
    /// One value that is not made as ours are. No session is behind it.
    Foreign,
    /// Values that differ.
    Several {
        /// As above.
        name: IdHash,
        /// Those that a key here signed.
        own: Vec<IdHash>,
        /// Those that are made so, and signed by no key here.
        strange: Vec<IdHash>,
        /// There were so many that not all of them were looked at.
        more: bool,
    },
}

impl Doubt {
    /// Whether a cookie came.
    pub(super) const fn is_a_cookie(&self) -> bool {
        !matches!(self, Self::Withheld)
    }
}

/// What became of sessions that were to end.
#[derive(PartialEq, Eq)]
enum Ended {
    /// None of them lives.
    All,
    /// One lives on under an id that is on its way to the browser.
    Moved,
}

impl Unit {
    /// Whether a session may be behind the request.
    pub(super) fn may_have_a_session(&self) -> bool {
        self.asked.presented.is_some() || matches!(&self.asked.doubt, Some(doubt) if !matches!(doubt, Doubt::Foreign))
    }

    /// The name under which tower-sessions holds what is in doubt, until the doubt is settled.
    pub(super) fn in_doubt(&self) -> Option<IdHash> {
        self.doubtful().filter(|_| !self.state().settled)
    }

    /// The same, also when it is settled.
    pub(super) const fn doubtful(&self) -> Option<IdHash> {
        match &self.asked.doubt {
            Some(Doubt::OtherKey { name, .. } | Doubt::Several { name, .. }) => Some(*name),
            Some(Doubt::Withheld | Doubt::Foreign) | None => None,
        }
    }

    /// Whether nothing is kept of a session that would begin now, although the handler goes on as if it were.
    pub(super) fn keeps_nothing(&self) -> bool {
        let passes = matches!(self.asked.doubt, Some(Doubt::Withheld | Doubt::Several { .. })) && self.asked.safe;
        self.asked.speculative || (passes && !self.state().settled)
    }

    /// Whether a session that is about to begin is passed over.
    ///
    /// A sign-in is meant, and begins in any case.
    pub(super) async fn is_passed_over(&self) -> Result<bool, Fault> {
        let meant = {
            let state = self.state();
            state.settled || state.next.owner.is_some()
        };
        match &self.asked.doubt {
            _ if self.asked.speculative => Ok(true),
            _ if meant => Ok(false),
            Some(Doubt::Withheld | Doubt::Several { .. }) if self.asked.safe => Ok(true),
            // The visitor did something, and is not to be told that it was kept.
            Some(Doubt::Withheld | Doubt::Several { .. }) => Err(self.fail(Fault::Doubtful)),
            // A key that was taken away is not to lock visitors out: they begin anew when their session is over, or by
            // the first thing that they do.
            Some(Doubt::OtherKey { id, .. }) if self.asked.safe => self.lives(id).await,
            Some(Doubt::OtherKey { .. } | Doubt::Foreign) | None => Ok(false),
        }
    }

    /// Ends the sessions of two cookies, because another one is to begin in their place.
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

    /// Ends what is in doubt, or says that it did not.
    pub(super) async fn end_in_doubt(&self) -> Result<(), Fault> {
        let Some(doubt) = self.asked.doubt.as_ref().filter(|_| !self.state().settled) else { return Ok(()) };
        // Kept as leaving until all is done: if this request is abandoned here, somebody goes on.
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
                // Another request has just renewed its id, or ended it.
                found = self.behind(id).await?;
                if matches!(found, Behind::Session(next) if next == live) {
                    // It can neither be read nor be ended by this id.
                    return Err(self.fail(Fault::Unavailable));
                }
            }
            moved = moved || matches!(found, Behind::Moved);
        }
        Ok(if moved && !ended { Ended::Moved } else { Ended::All })
    }

    /// Whether a session lives under an id, or under one that came after it a moment ago.
    async fn lives(&self, id: &IdHash) -> Result<bool, Fault> {
        Ok(!matches!(self.behind(id).await?, Behind::Nothing))
    }

    /// The id of the session that is to end. [`Fault::Rotated`] when it lives on under one that the browser is to come
    /// again with.
    pub(super) async fn to_end(&self, id: &IdHash) -> Result<Option<IdHash>, Fault> {
        match self.behind(id).await? {
            Behind::Session(id) => Ok(Some(id)),
            Behind::Moved => Err(self.fail(Fault::Rotated)),
            Behind::Nothing => Ok(None),
        }
    }

    /// What is behind an id. A record that this process cannot read is a session all the same: another version may.
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

/// What is behind an id.
enum Behind {
    /// A session, under this id.
    Session(IdHash),
    /// One under another id, which was made a moment ago.
    Moved,
    Nothing,
}

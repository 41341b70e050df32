//! Looks at a session without using it: whoever watches learns that it ends, and keeps it alive by nothing.

use super::clock::Timestamp;
use super::engine::Engine;
use super::error::Error;
use super::handle::Session;
use super::id::{Handle, IdHash};
use super::news::Seat;
use super::record::Record;
use super::store::{Loaded, StoreError};
use super::sweep::jittered;
use super::unit::tolerate;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// The most that may be left of a session that is about to end; of one with a short idle timeout, a third of that.
const SOON: Duration = Duration::from_secs(120);
/// How often a session that is about to end is looked at: somebody may use it.
const OFTEN: Duration = Duration::from_secs(5);
/// The shortest pause between two looks. The first comes a moment after the deadline, and not before it.
const BREATH: Duration = Duration::from_millis(20);

/// What there is to tell of a session that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It has ended. Nothing follows.
    Ended,
    /// It lives under another id, and another account may be signed in: come again with the cookie that says so. Nothing
    /// follows.
    Changed,
    /// How long it lives unless it is used: told first of all, when little is left, and when it is more again.
    Expiring {
        /// What is left.
        left: Duration,
        /// Whether that is little.
        soon: bool,
        /// Whether using it helps: its absolute lifetime is not what ends it.
        stays: bool,
    },
}

/// Watches a session for as long as it is kept. Never marks it as used.
#[derive(Debug)]
pub struct Watch {
    engine: Arc<Engine>,
    id: IdHash,
    record: Arc<Record>,
    seat: Seat,
    hints: u64,
    /// When to look next, at the latest.
    next: Instant,
    told: Told,
}

/// What has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// Until when it lives, and whether that is soon.
    Lives(Timestamp, bool),
    Over,
}

/// What a look finds.
enum Found {
    Live(IdHash, Arc<Record>),
    Moved,
    Ended,
}

impl Session {
    /// Watches the session without using it: it ends as if nobody looked. `None` when there is none.
    ///
    /// What other nodes do is told by the store's own channel, and found by a look now and then where that fails.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached or the server stops; [`Error::Rotated`] when another request
    /// has given the session a new id.
    pub async fn watch(&self) -> Result<Option<Watch>, Error> {
        let unit = &self.unit;
        let Some((id, record)) = unit.find().await? else { return Ok(None) };
        let engine = Arc::clone(&unit.engine);
        let account = record.owner.account.as_deref();
        let seat = engine.watchers.sit(record.handle, account, &engine.store).ok_or(Error::Unavailable)?;
        // What happened before the place was taken is found by the first look.
        Ok(Some(Watch { engine, id, record, seat, hints: 0, next: Instant::now(), told: Told::Nothing }))
    }
}

impl Watch {
    /// Waits for the next event. `None` when there is none to come: after the last one; because others have taken the place,
    /// of which a session has eight and an account 32; because the server stops.
    pub async fn next(&mut self) -> Option<Event> {
        while self.told != Told::Over {
            tokio::select! {
                changed = self.seat.word.changed() => {
                    let word = *self.seat.word.borrow_and_update();
                    if word.closed || changed.is_err() {
                        break;
                    }
                    let at = if word.told == self.hints { word.soon } else { Some(Instant::now()) };
                    self.hints = word.told;
                    self.next = at.map_or(self.next, |at| self.next.min(at));
                }
                () = sleep_until(self.next) => {
                    if let Some(event) = self.look().await {
                        return Some(event);
                    }
                }
            }
        }
        self.told = Told::Over;
        None
    }

    /// The session's public handle.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.record.handle
    }

    /// Whether an account was signed in at the last look.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.record.owner.account.is_some()
    }

    async fn look(&mut self) -> Option<Event> {
        let now = self.engine.clock.now();
        self.next = Instant::now() + jittered(self.engine.look_every);
        // A hint that is still to come is not answered by this look.
        let soon = self.seat.word.borrow().soon.filter(|soon| *soon > Instant::now());
        self.next = soon.map_or(self.next, |soon| self.next.min(soon));
        match timeout(self.engine.timeout, self.ask(now)).await {
            Ok(Ok(Found::Live(id, record))) => {
                (self.id, self.record) = (id, record);
                self.lives(now)
            }
            Ok(Ok(found)) => {
                self.told = Told::Over;
                Some(if matches!(found, Found::Moved) { Event::Changed } else { Event::Ended })
            }
            // An outage ends nobody's session: the next look finds out (G8).
            Ok(Err(error)) => {
                tracing::debug!(%error, "a session that is watched could not be looked at");
                None
            }
            Err(_) => None,
        }
    }

    /// By its id, which is good for nothing when it was rotated: what may have been planted watches nobody (G4).
    async fn ask(&self, now: Timestamp) -> Result<Found, StoreError> {
        let store = &self.engine.store;
        let loaded = tolerate(store.load(&self.id, now).await)?;
        let there = matches!(loaded, Loaded::Live(..));
        Ok(match self.engine.bounded(loaded, now) {
            Loaded::Live(id, record) => Found::Live(id, record),
            Loaded::Retired => Found::Moved,
            Loaded::Absent if !there && store.lives(&self.record.handle, now).await? => Found::Moved,
            Loaded::Absent => Found::Ended,
        })
    }

    fn lives(&mut self, now: Timestamp) -> Option<Event> {
        let Record { lifetime, created, .. } = *self.record;
        let deadline = self.record.deadline();
        let left = deadline.left(now);
        let little = SOON.min(lifetime.idle / 3);
        let soon = left <= little;
        let pause = if soon { OFTEN.min(left + BREATH) } else { left.saturating_sub(little) };
        self.next = self.next.min(Instant::now() + pause.max(BREATH));
        let news = match self.told {
            Told::Lives(before, was) => soon != was || (soon && deadline != before),
            Told::Nothing | Told::Over => true,
        };
        self.told = Told::Lives(deadline, soon);
        let stays = (created + lifetime.absolute).left(now) > little;
        news.then_some(Event::Expiring { left, soon, stays })
    }
}

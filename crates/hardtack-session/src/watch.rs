//! The watching of a session: events when it ends or changes, without keeping it alive.

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

/// The remaining time at which a session counts as about to end; with a short idle timeout, a third of that timeout.
const SOON: Duration = Duration::from_secs(120);
/// The interval at which a session that is about to end is loaded, because a request may use it.
const OFTEN: Duration = Duration::from_secs(5);
/// The shortest pause between two loads. It also puts the load at a deadline a moment after the deadline.
const BREATH: Duration = Duration::from_millis(20);

/// An event of a watched session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session has ended. No event follows.
    Ended,
    /// The session is live under another id, and another account may be signed in: connect again with the new cookie.
    /// No event follows.
    Changed,
    /// The time until the session ends unless it is used. This is the first event, and it comes again when little time
    /// is left and when there is more again.
    Expiring {
        /// The remaining time.
        left: Duration,
        /// Whether little time is left.
        soon: bool,
        /// Whether a use extends the session. It does not if the absolute timeout ends it first.
        stays: bool,
    },
}

/// A watch on a session, until it is dropped. It never marks the session as used.
#[derive(Debug)]
pub struct Watch {
    engine: Arc<Engine>,
    id: IdHash,
    record: Arc<Record>,
    seat: Seat,
    hints: u64,
    /// The latest time of the next load.
    next: Instant,
    told: Told,
}

/// The last event that the watcher got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// The deadline, and whether it is near.
    Lives(Timestamp, bool),
    Over,
}

/// The result of a load.
enum Found {
    Live(IdHash, Arc<Record>),
    Moved,
    Ended,
}

impl Session {
    /// Watches the session without using it: it expires as if it were not watched. `None` when there is none.
    ///
    /// The store's channel notifies of changes by other nodes. Where the channel fails, a regular load finds them.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the store cannot be reached or the server stops; [`Error::Rotated`] when another
    /// request has given the session a new id.
    pub async fn watch(&self) -> Result<Option<Watch>, Error> {
        let unit = &self.unit;
        let Some((id, record)) = unit.find().await? else { return Ok(None) };
        let engine = Arc::clone(&unit.engine);
        let account = record.owner.account.as_deref();
        let seat = engine.watchers.sit(record.handle, account, &engine.store).ok_or(Error::Unavailable)?;
        // The first load finds the changes from before the subscription.
        Ok(Some(Watch { engine, id, record, seat, hints: 0, next: Instant::now(), told: Told::Nothing }))
    }
}

impl Watch {
    /// Waits for the next event. `None` when no event will come: after the last one; when newer watchers have replaced
    /// this one (a session has eight, an account 32); when the server stops.
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

    /// Returns the session's public handle.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.record.handle
    }

    /// Returns whether an account was signed in at the last load.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.record.owner.account.is_some()
    }

    async fn look(&mut self) -> Option<Event> {
        let now = self.engine.clock.now();
        self.next = Instant::now() + jittered(self.engine.look_every);
        // A hint for a later time stays, because this load does not cover it.
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
            // An outage ends no session: the next load finds out (G8).
            Ok(Err(error)) => {
                tracing::debug!(%error, "a watched session could not be loaded");
                None
            }
            Err(_) => None,
        }
    }

    /// Loads the session by its id. A rotated id gives no access, so that a planted one cannot watch the session after
    /// a sign-in (G4).
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

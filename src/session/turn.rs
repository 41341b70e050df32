//! The queue of a session's updates in this process.

use super::error::Fault;
use super::id::IdHash;
use super::unit::Unit;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::OwnedMutexGuard;

impl Unit {
    /// Waits for this session's turn among the updates of this process; after a while goes on without.
    ///
    /// A queue that moves is no outage, so this does not count as waiting for the store. But an update that is handed its
    /// turn by one that could not reach the store does not wait for the same failure again (G8). Failures of other
    /// sessions are none of its business.
    pub(super) async fn turn(&self, id: IdHash) -> Result<Served<'_>, Fault> {
        let begun = Instant::now();
        let turn = tokio::time::timeout(self.engine.timeout * 4, self.engine.queues.turn(id)).await.ok();
        if turn.as_ref().is_some_and(|turn| turn.failed_since(begun)) {
            return Err(self.fail(Fault::Unavailable));
        }
        Ok(Served { unit: self, turn })
    }
}

/// An update whose turn it is. When that is over the next one learns whether the store could be reached.
pub(super) struct Served<'a> {
    unit: &'a Unit,
    turn: Option<Turn<'a>>,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if let Some(turn) = &self.turn {
            turn.note(self.unit.state().unreached);
        }
    }
}

/// Lets the atomic updates of one session queue in this process, so that they do not collide in the store.
///
/// Only a courtesy: what makes an update atomic, also across processes, is its version check.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<IdHash, Arc<Queue>>>);

/// The queue of one session.
#[derive(Debug, Default)]
struct Queue {
    turns: Arc<tokio::sync::Mutex<()>>,
    /// When the store last failed the one whose turn it was; nothing once another one was served.
    failed: Mutex<Option<Instant>>,
}

impl Queue {
    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    /// Waits for a turn. Dropped while waiting, it leaves the queue.
    pub(super) async fn turn(&self, id: IdHash) -> Turn<'_> {
        let queue = Arc::clone(self.queues().entry(id).or_default());
        let turns = Arc::clone(&queue.turns);
        let mut turn = Turn { queues: self, id, queue, held: None };
        turn.held = Some(turns.lock_owned().await);
        turn
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<IdHash, Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn in a session's queue, or a place in it. The last one to leave takes the queue away.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    id: IdHash,
    queue: Arc<Queue>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turn<'_> {
    /// Whether the store has failed the one before after that moment.
    fn failed_since(&self, moment: Instant) -> bool {
        self.queue.failed().is_some_and(|failed| failed > moment)
    }

    /// Says whether the store has failed this one.
    fn note(&self, failed: bool) {
        *self.queue.failed() = failed.then(Instant::now);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        drop(self.held.take());
        // Counted under the lock under which places are given: nobody can join meanwhile. One is in the list, one here.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.id);
        }
    }
}

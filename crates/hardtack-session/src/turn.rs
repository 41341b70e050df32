//! The queue of a session's updates in this process.

use super::error::Fault;
use super::id::IdHash;
use super::unit::Unit;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::OwnedMutexGuard;

impl Unit {
    /// Waits for a turn among the updates of this session in this process. After four timeouts the update goes on
    /// without a turn.
    ///
    /// A queue that moves is no outage, so the wait in it does not count as waiting for the store. But if the update
    /// before could not reach the store, this one fails at once, so that it does not wait for the same failure again
    /// (G8). Failures of other sessions do not matter.
    pub(super) async fn turn(&self, id: IdHash) -> Result<Served<'_>, Fault> {
        let begun = Instant::now();
        let turn = tokio::time::timeout(self.engine.timeout * 4, self.engine.queues.turn(id)).await.ok();
        if turn.as_ref().is_some_and(|turn| turn.failed_since(begun)) {
            return Err(self.fail(Fault::Unavailable));
        }
        Ok(Served { unit: self, turn })
    }
}

/// An update that has its turn. On drop it records for the next update whether the store could be reached.
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

/// The queues of the atomic updates in this process, one a session, so that updates do not collide in the store.
///
/// They only save retries. An update is atomic, also across processes, because of its version check.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<IdHash, Arc<Queue>>>);

/// The queue of one session.
#[derive(Debug, Default)]
struct Queue {
    turns: Arc<tokio::sync::Mutex<()>>,
    /// The time at which the store failed for the last update; `None` if that one reached the store.
    failed: Mutex<Option<Instant>>,
}

impl Queue {
    fn failed(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    /// Waits for a turn. A future that is dropped while it waits leaves the queue.
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

/// A turn in a session's queue, or a waiter for one. The last one to leave removes the queue.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    id: IdHash,
    queue: Arc<Queue>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turn<'_> {
    /// Returns whether the store failed for the update before, after this moment.
    fn failed_since(&self, moment: Instant) -> bool {
        self.queue.failed().is_some_and(|failed| failed > moment)
    }

    /// Records whether the store failed for this update.
    fn note(&self, failed: bool) {
        *self.queue.failed() = failed.then(Instant::now);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        drop(self.held.take());
        // The count is exact because queues are handed out under this lock. Two references are the map's and this one.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.id);
        }
    }
}

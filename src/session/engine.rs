//! What all requests share: the store, the keys, the policy.

use super::clock::Clock;
use super::cookie::CookieSettings;
use super::id::IdHash;
use super::keys::Keys;
use super::lifetime::Clocks;
use super::news::Watchers;
use super::store::Store;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;

/// The shared part of all units of work.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    pub(super) cookie: CookieSettings,
    /// What browsers may hold beside it from earlier settings.
    pub(super) former: Vec<CookieSettings>,
    pub(super) clocks: Clocks,
    pub(super) per_account: Option<NonZeroU32>,
    pub(super) max_data: usize,
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
    pub(super) queues: Arc<Queues>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) look_every: Duration,
}

/// Lets the atomic updates of one session queue in this process, so that they do not collide in the store.
///
/// Only a courtesy: what makes an update atomic, also across processes, is its version check.
#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: Mutex<HashMap<IdHash, Arc<tokio::sync::Mutex<()>>>>,
    /// When the store has last failed a request.
    failed: Mutex<Option<Instant>>,
}

impl Queues {
    /// Waits for a turn. Dropped while waiting, it leaves the queue.
    pub(super) async fn turn(&self, id: IdHash) -> Turn<'_> {
        let queue = Arc::clone(self.queues().entry(id).or_default());
        let mut turn = Turn { queues: self, id, held: None };
        turn.held = Some(queue.lock_owned().await);
        turn
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<IdHash, Arc<tokio::sync::Mutex<()>>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_failure(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether the store has failed a request after that moment.
    pub(super) fn failed_since(&self, moment: Instant) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|failed| failed > moment)
    }
}

/// A turn in a session's queue, or a place in it. The last one to leave takes the queue away.
pub(super) struct Turn<'a> {
    queues: &'a Queues,
    id: IdHash,
    held: Option<OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.queues();
        drop(self.held.take());
        // Counted under the lock under which places are given: nobody can join meanwhile.
        if queues.get(&self.id).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.id);
        }
    }
}

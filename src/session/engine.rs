//! What all requests share: the store, the keys, the policy.

use super::clock::Clock;
use super::cookie::CookieSettings;
use super::keys::Keys;
use super::lifetime::Lifetime;
use super::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// The shared part of all units of work.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    pub(super) cookie: CookieSettings,
    pub(super) lifetime: Lifetime,
    pub(super) touch_every: Duration,
    pub(super) rotation_grace: Duration,
    pub(super) max_data: usize,
    pub(super) timeout: Duration,
    pub(super) clock: Clock,
    pub(super) queues: Queues,
}

/// Lets the atomic updates of one session queue in this process, so that they do not collide in the store.
///
/// Only a courtesy: what makes an update atomic, also across processes, is its version check.
#[derive(Debug)]
pub(super) struct Queues([Mutex<()>; 64]);

impl Queues {
    pub(super) async fn wait(&self, id: &super::id::IdHash) -> MutexGuard<'_, ()> {
        self.0[usize::from(id.0[0]) % self.0.len()].lock().await
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

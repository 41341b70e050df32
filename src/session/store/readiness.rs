//! Whether a store works: one call of it answers all clients that ask at the same time.

use super::Store;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long the store may take to answer before it counts as silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer is given to later questions.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Asks a store whether it works ([`Store::ping`]), at most once a second.
///
/// A ping writes, and it uses the connections that sessions use. So one ping is under way at a time, all clients that ask
/// meanwhile get its answer, and the answer is remembered for a second. Clones share that answer.
#[derive(Clone)]
pub struct Readiness {
    ask: Arc<dyn Fn() -> BoxFuture<'static, Ready> + Send + Sync>,
    last: Arc<Mutex<Option<(Ready, Instant)>>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("last", &self.last).finish_non_exhaustive()
    }
}

/// What a store answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It works.
    Yes,
    /// It failed. The reason is in the log.
    Failed,
    /// It did not answer within a second.
    Silent,
}

impl Readiness {
    /// Of this store, which is not asked yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::of(move || {
            let store = Arc::clone(&store);
            async move { ping(&*store).await }
        })
    }

    /// Of something else that a server needs, such as another database. `ask` bounds the time that it takes by itself.
    #[must_use]
    pub fn of<F: Future<Output = Ready> + Send + 'static>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(move || ask().boxed()), last: Arc::default() }
    }

    /// Returns what the store answers now, or answered within the last second.
    pub async fn ask(&self) -> Ready {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some((ready, at)) = *last
            && at.elapsed() < REMEMBERED
        {
            return ready;
        }
        let ask = (self.ask)();
        // In a task, because a client that hangs up would else break the ping off, and the next client make another one.
        let asked = tokio::spawn(async move {
            let ready = ask.await;
            *last = Some((ready, Instant::now()));
            ready
        });
        asked.await.unwrap_or(Ready::Failed)
    }
}

async fn ping(store: &dyn Store) -> Ready {
    match timeout(PATIENCE, store.ping()).await {
        Ok(Ok(())) => Ready::Yes,
        Ok(Err(error)) => {
            tracing::error!(store = store.kind(), %error, "not ready: the session store failed");
            Ready::Failed
        }
        Err(_) => {
            tracing::error!(store = store.kind(), "not ready: the session store does not answer");
            Ready::Silent
        }
    }
}

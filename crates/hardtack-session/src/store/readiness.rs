//! The readiness of a store: one ping answers all clients that ask at the same time.

use super::Store;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// The timeout of a ping. A slower store counts as silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time for which a result is reused.
const REMEMBERED: Duration = Duration::from_secs(1);

/// A check whether a store works ([`Store::ping`]), made at most once a second.
///
/// A ping writes, and it uses the connections that sessions use. So only one ping runs at a time, all clients that ask
/// meanwhile get its result, and the result is reused for a second. Clones share that result.
#[derive(Clone)]
pub struct Readiness {
    ask: Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Ready> + Send>> + Send + Sync>,
    last: Arc<Mutex<Option<(Ready, Instant)>>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("last", &self.last).finish_non_exhaustive()
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The store works.
    Yes,
    /// The store failed. The log has the reason.
    Failed,
    /// The store did not answer within a second.
    Silent,
}

impl Readiness {
    /// Creates the check of a store. Sends no ping yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::of(move || {
            let store = Arc::clone(&store);
            async move { ping(&*store).await }
        })
    }

    /// Creates the check of another resource of the server, such as a second database. `ask` must limit its own
    /// duration.
    #[must_use]
    pub fn of<F: Future<Output = Ready> + Send + 'static>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(move || Box::pin(ask())), last: Arc::default() }
    }

    /// Returns the result of a ping now, or of one within the last second.
    pub async fn ask(&self) -> Ready {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        if let Some((ready, at)) = *last
            && at.elapsed() < REMEMBERED
        {
            return ready;
        }
        let ask = (self.ask)();
        // In a task, because otherwise a client that disconnects would cancel the ping, and the next client would send
        // another.
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

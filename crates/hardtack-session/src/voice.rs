//! The notification channel of stores within one process.

use crate::id::Handle;
use crate::news::News;
use tokio::sync::broadcast;

/// A notification channel within one process, for the changes that this process makes.
#[derive(Debug)]
pub(super) struct Voice(broadcast::Sender<Handle>);

impl Default for Voice {
    fn default() -> Self {
        Self(broadcast::Sender::new(256))
    }
}

impl Voice {
    /// Publishes a change of a session. It costs next to nothing without a listener.
    pub(super) fn tell(&self, handle: Handle) {
        // An error is ignored because it only means that there is no listener.
        self.0.send(handle).ok();
    }

    /// Forwards all changes from now on.
    pub(super) async fn pass_on(&self, news: &News) {
        let mut told = self.0.subscribe();
        news.of_any();
        loop {
            match told.recv().await {
                Ok(handle) => news.of(&handle),
                Err(broadcast::error::RecvError::Lagged(_)) => news.of_any(),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

//! Where handlers wait until a test lets them go on.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Handlers say here that they have loaded, and go on when they may.
#[derive(Clone, Debug)]
pub struct Gate {
    loaded: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { loaded: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) }
    }

    /// A handler has loaded, and waits.
    pub async fn pass(&self) {
        self.loaded.add_permits(1);
        self.go.acquire().await.expect("open").forget();
    }

    /// Waits until a handler has loaded.
    pub async fn wait_for_loaded(&self) {
        self.loaded.acquire().await.expect("open").forget();
    }

    /// Lets one handler go on.
    pub fn open(&self) {
        self.go.add_permits(1);
    }
}

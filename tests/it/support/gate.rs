//! A barrier at which handlers wait until a test releases them.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// A barrier at which a handler reports that it has loaded its session and waits.
#[derive(Clone, Debug)]
pub struct Gate {
    loaded: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { loaded: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) }
    }

    /// Reports that a handler has loaded its session, and waits.
    pub async fn pass(&self) {
        self.loaded.add_permits(1);
        self.go.acquire().await.expect("open").forget();
    }

    /// Waits until a handler has loaded.
    pub async fn wait_for_loaded(&self) {
        self.loaded.acquire().await.expect("open").forget();
    }

    /// Releases one handler.
    pub fn open(&self) {
        self.go.add_permits(1);
    }
}

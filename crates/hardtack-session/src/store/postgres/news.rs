//! Notifications by PostgreSQL's `NOTIFY`, sent by the statement that ends a session, when it commits.

use super::pool::Pool;
use crate::id::Handle;
use crate::news::News;
use crate::store::StoreError;
use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use std::time::Duration;
use tokio::time::timeout;

/// The channel. It belongs to the database, as the schema of that name does.
const CHANNEL: &str = channel!();
/// The time of silence after which the server is pinged, because a connection that was cut looks like a quiet one.
const SILENCE: Duration = Duration::from_secs(5);

impl Pool {
    /// Listens on a connection of its own and passes notifications on. Ends with an error when the connection is lost.
    ///
    /// Through a proxy that gives each transaction another connection, no notification arrives.
    pub(super) async fn tell(&self, news: &News) -> Result<(), StoreError> {
        let patience = self.timeout().max(Duration::from_secs(5));
        let late = |_| StoreError::unavailable("the server did not answer");
        let mut listener = timeout(patience, self.listener()).await.map_err(late)??;
        news.of_any();
        loop {
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(told))) => {
                    if let Ok(handle) = told.payload().parse() {
                        news.of(&Handle(handle));
                    }
                }
                Ok(Ok(None)) => return Err(StoreError::unavailable("the connection was lost")),
                Ok(Err(error)) => return Err(failure(&error)),
                Err(_) => {
                    let asked = timeout(patience, listener.execute("SELECT 1")).await;
                    asked.map_err(late)?.map_err(|error| failure(&error))?;
                }
            }
        }
    }

    async fn listener(&self) -> Result<PgListener, StoreError> {
        // The listener of sqlx needs a pool. This one holds its connection and no other.
        let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = pool.connect_lazy_with(self.address().options.clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(|error| failure(&error))?;
        // No silent reconnection, because the caller must look for changes that were missed meanwhile.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(|error| failure(&error))?;
        Ok(listener)
    }
}

fn failure(error: &sqlx::Error) -> StoreError {
    StoreError::unavailable(error.to_string())
}

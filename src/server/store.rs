//! Opens the store that the settings name.

use super::settings::{self, StoreUrl};
use crate::session::store::memory::MemoryStore;
use crate::session::store::postgres::PostgresStore;
use crate::session::store::redis::RedisStore;
use crate::session::store::sqlite::SqliteStore;
use crate::session::store::{OpenError, Schema, Store};
use std::sync::Arc;
use std::time::Duration;

/// Opens the store, whose calls may take `timeout`.
pub(super) async fn open(
    settings: &settings::Store,
    timeout: Duration,
    schema: Schema,
) -> Result<Arc<dyn Store>, OpenError> {
    let connections = settings.connections;
    Ok(match &settings.url {
        StoreUrl::Memory => Arc::new(MemoryStore::default()),
        StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path, connections, schema).await?),
        StoreUrl::Postgres(url) => Arc::new(PostgresStore::open(url.reveal(), connections, timeout, schema).await?),
        StoreUrl::Redis(url) => Arc::new(RedisStore::open(url.reveal(), timeout, schema).await?),
    })
}

/// How long an operator waits for a call: longer than a visitor, for it may be over all sessions.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

//! The opening of the store that the settings name.

use super::settings::{self, StoreUrl, trust};
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::store::postgres::PostgresStore;
use hardtack_session::store::redis::RedisStore;
use hardtack_session::store::sqlite::SqliteStore;
use hardtack_session::store::{Database, OpenError, Schema, Store};
use std::sync::Arc;
use std::time::Duration;

/// A store, and its database if that can hold other tables too.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) database: Option<Database>,
}

impl Opened {
    fn new(store: impl Store, database: Option<Database>) -> Self {
        Self { store: Arc::new(store), database }
    }
}

/// Opens the store. Each of its calls may take `timeout`.
pub(super) async fn open(settings: &settings::Store, timeout: Duration, schema: Schema) -> Result<Opened, OpenError> {
    let connections = settings.connections;
    Ok(match &settings.url {
        StoreUrl::Memory => Opened::new(MemoryStore::default(), None),
        StoreUrl::Sqlite(path) => {
            let store = SqliteStore::open(path, connections, schema).await?;
            let database = store.database();
            Opened::new(store, Some(database))
        }
        StoreUrl::Postgres(url) => {
            let store = PostgresStore::open(url.reveal(), connections, timeout, schema).await?;
            let database = store.database();
            Opened::new(store, Some(database))
        }
        StoreUrl::Redis(url) => {
            Opened::new(RedisStore::open_with(url.reveal(), timeout, schema, trust(settings.insecure)).await?, None)
        }
    })
}

/// The timeout of an operator's store call. It is longer than a visitor's, because the call may cover all sessions.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

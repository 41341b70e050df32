//! The store contract, on every store.

use hardtack::session::store::contract;
use hardtack::session::store::memory::MemoryStore;
use hardtack::session::store::sqlite::SqliteStore;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_store_fulfils_the_contract() {
    contract::prove(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_store_fulfils_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&folder.path().join("sessions.db"), 4).await.expect("a database");
    contract::prove(Arc::new(store)).await;
}

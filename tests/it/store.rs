//! The complete store contract, on every store.

use crate::support::{Kind, open};
use hardtack_session::store::contract;
use std::sync::Arc;

async fn fulfils_the_contract(kind: Kind) {
    if kind.is_here() {
        let own = open(kind).await;
        contract::prove(Arc::clone(&own.store), &own).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_the_memory_store_fulfils_the_contract() {
    fulfils_the_contract(Kind::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_the_sqlite_store_fulfils_the_contract() {
    fulfils_the_contract(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_the_postgres_store_fulfils_the_contract() {
    fulfils_the_contract(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_the_redis_store_fulfils_the_contract() {
    fulfils_the_contract(Kind::Redis).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s97_the_redis_store_fulfils_the_contract_on_a_cluster() {
    fulfils_the_contract(Kind::Cluster).await;
}
